// SPDX-License-Identifier: Apache-2.0
import Glibc

enum StandardStreams {
    enum Stream: Int32 { case output = 1, error = 2 }

    /// Writes all of `text`; a reader that has gone away ends it silently, as of a pipe into `head`.
    static func write(_ text: String, to stream: Stream) {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes[written...].withUnsafeBytes { rest in
                unsafe Glibc.write(stream.rawValue, rest.baseAddress, rest.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            written += count
        }
    }
}
