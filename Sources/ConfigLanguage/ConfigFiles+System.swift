// SPDX-License-Identifier: Apache-2.0
import Glibc

extension ConfigFiles {
    /// Reads from the file system.
    package static var system: ConfigFiles {
        ConfigFiles(
            readFile: readFromSystem, listDirectory: listFromSystem, isOpenToAll: isOpenToAllInSystem)
    }

    /// A variable of this process, for `SettingsParser.parse`.
    package static func systemEnvironment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    private static func problem(_ number: Int32) -> ConfigFileProblem {
        switch number {
        case ENOENT, ENOTDIR: .notFound
        case EACCES, EPERM: .notAllowed
        case EISDIR: .notAFile
        default: .system(number)
        }
    }

    private static func readFromSystem(_ path: String) -> Result<String, ConfigFileProblem> {
        // Not blocking, since opening a pipe without a writer would wait for one.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(problem(errno)) }
        defer { close(descriptor) }
        var information = stat()
        guard unsafe fstat(descriptor, &information) == 0 else { return .failure(problem(errno)) }
        guard information.st_mode & S_IFMT == S_IFREG else { return .failure(.notAFile) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(problem(errno)) }
            if count == 0 { break }
            bytes += piece[..<count]
            if bytes.count > maxFileBytes { return .failure(.tooLarge) }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { return .failure(.notText) }
        return .success(text)
    }

    /// A directory that others cannot enter hides what is in it; those above it are not looked at.
    private static func isOpenToAllInSystem(_ path: String) -> Bool {
        var file = stat()
        var directory = stat()
        let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard unsafe stat(path, &file) == 0, unsafe stat(parent, &directory) == 0 else { return false }
        return file.st_mode & S_IROTH != 0 && directory.st_mode & S_IXOTH != 0
    }

    private static func listFromSystem(_ path: String) -> Result<[String], ConfigFileProblem> {
        guard let directory = unsafe opendir(path) else { return .failure(problem(errno)) }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return .success(names)
    }
}
