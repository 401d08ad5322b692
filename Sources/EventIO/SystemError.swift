// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What a system call answered when it failed: an `errno` number.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: Int32

    package init(code: Int32) { self.code = code }

    package static let wouldBlock = SystemError(code: EAGAIN)
    package static let connectionRefused = SystemError(code: ECONNREFUSED)
    package static let connectionReset = SystemError(code: ECONNRESET)
    package static let brokenPipe = SystemError(code: EPIPE)
    package static let notPermitted = SystemError(code: EPERM)
    package static let timedOut = SystemError(code: ETIMEDOUT)
    package static let addressInUse = SystemError(code: EADDRINUSE)
    package static let tooManyOpenFiles = SystemError(code: EMFILE)
    package static let noSuchFile = SystemError(code: ENOENT)

    /// The process or the machine has no descriptor or memory left for another connection.
    package var isExhaustion: Bool { code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM }

    /// There is no room for a longer file.
    package var isFullDisk: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

    /// The system does not know this call, or does not allow it here.
    package var isRefusal: Bool {
        code == EINVAL || code == ENOSYS || code == EPERM || code == EACCES || code == EOPNOTSUPP
    }

    public var description: String {
        guard let text = unsafe strerror(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }
}

/// The answer of a call that moves bytes: their count, or the negated `errno`.
public struct IOResult: Equatable, Sendable {
    @usableFromInline package let value: Int

    /// Crashes on errors that only our own mistake can cause: a descriptor used after its end, memory not ours.
    package init(_ value: Int) {
        self.value = value
        if value < 0 { Self.crashIfOurs(Int32(truncatingIfNeeded: -value)) }
    }

    package init(error: SystemError) { self.init(-Int(error.code)) }

    /// How many bytes were moved (0 on reading: the peer has ended its stream), or negative.
    @inlinable package var bytes: Int { value }
    package var isWouldBlock: Bool { value == -Int(EAGAIN) }
    package var isFailure: Bool { value < 0 && !isWouldBlock }

    /// Nil when bytes were moved, and when none can be moved now.
    package var error: SystemError? { isFailure ? SystemError(code: Int32(truncatingIfNeeded: -value)) : nil }

    /// The count, or what went wrong, being out of bytes for now included.
    package func get() throws(SystemError) -> Int {
        guard value >= 0 else { throw SystemError(code: Int32(truncatingIfNeeded: -value)) }
        return value
    }

    @inline(never)
    private static func crashIfOurs(_ code: Int32) {
        precondition(code != EBADF && code != EFAULT, "bad descriptor or memory passed to a system call")
    }
}
