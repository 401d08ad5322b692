// SPDX-License-Identifier: Apache-2.0

/// Where a server is and how long and how much it may keep us.
package struct RedisLinkSettings: Sendable {
    package enum Endpoint: Sendable, Hashable {
        /// A host name or an address.
        case host(String, port: UInt16)
        case unix(path: String)
    }

    package var endpoint: Endpoint
    package var login: RedisLogin
    package var limits: RedisConnectionLimits
    package var replyLimits: RESPLimits
    /// Of commands that the kernel has not taken yet.
    package var maximumOutputBytes: Int
    /// Failures in a row that open the circuit breaker.
    package var failureThreshold: Int
    /// Between attempts to connect.
    package var backOff: BackOff

    package init(
        endpoint: Endpoint, login: RedisLogin = RedisLogin(), limits: RedisConnectionLimits = RedisConnectionLimits(),
        replyLimits: RESPLimits = RESPLimits(), maximumOutputBytes: Int = 16 << 20, failureThreshold: Int = 5,
        backOff: BackOff = BackOff()
    ) {
        self.endpoint = endpoint
        self.login = login
        self.limits = limits
        self.replyLimits = replyLimits
        self.maximumOutputBytes = maximumOutputBytes
        self.failureThreshold = failureThreshold
        self.backOff = backOff
    }
}

/// What one link has counted since its start.
package struct RedisLinkFigures: Sendable {
    package var commands: UInt64 = 0
    package var answers: UInt64 = 0
    /// Answers that were errors.
    package var errors: UInt64 = 0
    package var connects: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    /// Commands without an answer, and connections that did not come about or broke.
    package var failures: [RedisFailure: UInt64] = [:]
    package var breaker = CircuitBreaker.State.halfOpen
    package var breakerOpened: UInt64 = 0
    package var pending = 0
    package var outputBytes = 0

    package init() {}
}
