// SPDX-License-Identifier: Apache-2.0
import EventIO

enum ProgramArguments {
    /// Without the program's name, as the kernel has them: the standard library looks for them in front of the
    /// environment, and finds none when a preloaded library has moved that.
    static func read() -> [String] {
        do throws(SystemError) {
            let bytes = try Kernel().readFile("/proc/self/cmdline", limit: byteLimit)
            if let last = bytes.last, last == 0, bytes.count < byteLimit {
                return bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false).dropFirst().map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
        } catch {
            // Without /proc there is the standard library.
        }
        return Array(CommandLine.arguments.dropFirst())
    }

    private static let byteLimit = 1 << 20
}
