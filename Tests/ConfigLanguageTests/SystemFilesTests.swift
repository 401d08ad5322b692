// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ConfigLanguage

@Suite struct SystemFilesTests {
    @Test func whatIsNoFileHasItsReason() {
        #expect(ConfigFiles.system.readFile("/none/such") == .failure(.notFound))
        #expect(ConfigFiles.system.readFile("/") == .failure(.notAFile))
        #expect(ConfigFiles.system.listDirectory("/none/such") == .failure(.notFound))
    }

    @Test func aDirectoryIsListed() throws {
        let directory = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
        #expect(try ConfigFiles.system.listDirectory(directory).get().contains("SystemFilesTests.swift"))
        #expect(ConfigFiles.systemEnvironment("PATH") != nil)
    }
}
