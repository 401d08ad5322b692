// SPDX-License-Identifier: Apache-2.0

/// Why a command has no answer, or a connection does not come about. An error that the server answers is an answer.
public enum RedisFailure: String, Error, Sendable, CaseIterable {
    /// There is no connection: the circuit breaker is open, or the first connection is not there yet.
    case notConnected = "not-connected"
    /// As many commands, or as many bytes, wait as may.
    case queueFull = "queue-full"
    /// The answer did not come in time.
    case timedOut = "timeout"
    case nameNotResolved = "resolve"
    case connectFailed = "connect"
    case connectTimedOut = "connect-timeout"
    case connectionLost = "connection-lost"
    /// User or password are wrong, or are missing.
    case loginRefused = "login"
    /// There is no such database, or it may not be used.
    case databaseRefused = "database"
    /// It answers, but not with data: it loads, or lost its master.
    case unavailable = "unavailable"
    /// What came is not the protocol, or more than the limits allow.
    case malformed = "malformed"
    /// We closed it.
    case stopped = "stopped"
}

/// What an error reply says of the server.
package enum RedisErrorKind: Sendable, Equatable {
    /// The server cannot do such a command now, whoever asks.
    case unavailable
    /// Login or rights.
    case login
    /// This command was wrong.
    case command

    /// By the word that an error reply begins with.
    package init(_ text: borrowing Span<UInt8>) {
        for word in Self.unavailableWords where text.begins(with: word) {
            self = .unavailable
            return
        }
        for word in Self.loginWords where text.begins(with: word) {
            self = .login
            return
        }
        self = .command
    }

    private static let unavailableWords: [StaticString] = [
        "LOADING", "BUSY ", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "OOM ", "MISCONF", "NOREPLICAS",
        "UNBLOCKED",
    ]
    private static let loginWords: [StaticString] = ["NOAUTH", "WRONGPASS", "NOPERM"]
}

extension Span where Element == UInt8 {
    package func begins(with word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count >= length else { return false }
        return word.withUTF8Buffer { wanted in
            for index in 0..<length where unsafe wanted[index] != self[index] { return false }
            return true
        }
    }
}
