// SPDX-License-Identifier: Apache-2.0

/// One command under way, as its sender sees it: exactly one of the two methods is called, once, on the link's loop.
///
/// `open` and `public` stand for what Swift lacks, a class that may be subclassed anywhere in the package.
open class RedisCall {
    public init() {}

    /// - Parameter reply: valid during this call; it may be an error.
    open func answered(_ reply: borrowing RESPReply) {}

    open func failed(_ failure: RedisFailure) {}
}
