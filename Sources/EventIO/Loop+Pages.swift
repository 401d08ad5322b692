// SPDX-License-Identifier: Apache-2.0

/// Sending whole pages of memory without copying them.
extension Loop {
    /// To be called before pages are sent, lest they be copied.
    ///
    /// - Throws: when the system has no descriptors left, or grants no such thing.
    package func preparePages() throws(SystemError) {
        if pagePipe == nil { pagePipe = try kernel.makePagePipe() }
    }

    /// As `Kernel.sendPages`; where the system refuses that, by copying.
    package func sendPages(_ fd: FileDescriptor, _ bytes: borrowing Span<UInt8>, isFollowed: Bool) -> IOResult {
        guard let pipe = pagePipe else { return kernel.send(fd, bytes) }
        let result = unsafe bytes.withUnsafeBytes {
            unsafe kernel.sendPages(fd, $0, through: pipe, isFollowed: isFollowed)
        }
        guard let error = result.error, error.isRefusal else { return result }
        closePagePipe()
        return kernel.send(fd, bytes)
    }

    func closePagePipe() {
        guard let pipe = pagePipe else { return }
        for fd in [pipe.output, pipe.input, pipe.sink] { kernel.close(fd) }
        pagePipe = nil
    }
}
