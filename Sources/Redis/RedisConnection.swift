// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// How long, and for how much, one connection is waited for.
package struct RedisConnectionLimits: Sendable {
    /// From the first attempt to the end of the login.
    package var connectMilliseconds: Int
    package var answerMilliseconds: Int
    /// A server that has not answered the oldest command for so long is given up.
    package var stallMilliseconds: Int
    package var maximumPending: Int

    package init(
        connectMilliseconds: Int = 500, answerMilliseconds: Int = 20, stallMilliseconds: Int = 1_000,
        maximumPending: Int = 16_384
    ) {
        self.connectMilliseconds = connectMilliseconds
        self.answerMilliseconds = answerMilliseconds
        self.stallMilliseconds = max(stallMilliseconds, answerMilliseconds)
        self.maximumPending = maximumPending
    }
}

/// What a reply means.
package enum RedisReplyAction<Call> {
    /// The login goes on, or nobody waits for this any more.
    case none
    /// The login is done: commands may be sent.
    case becomeReady
    case answer(Call)
    /// Close the connection.
    case giveUp(RedisFailure)
}

/// What the time means; asked again until it answers `.nothing`.
package enum RedisTimeAction<Call> {
    case timeOut(Call)
    /// Close the connection.
    case giveUp(RedisFailure)
    case nothing
}

/// One connection from the attempt to its end: what happened goes in, what to do comes out. `Call` is what the owner
/// calls a command under way; answers come in the order of the commands.
package struct RedisConnection<Call>: ~Copyable {
    package enum State: Sendable, Equatable {
        /// Left by `connected` for .loggingIn.
        case connecting
        /// Left by `replyReceived` for .ready, when so many steps are answered.
        case loggingIn(answeredSteps: Int)
        case ready
    }

    package private(set) var state = State.connecting
    private let login: RedisLogin
    private let steps: [RedisLogin.Step]
    private let limits: RedisConnectionLimits
    /// By when it must be ready.
    private let readyDeadlineNanoseconds: Int64
    private var pending = PendingCalls<Call>()

    package init(login: RedisLogin, limits: RedisConnectionLimits, now: Moment) {
        self.login = login
        self.limits = limits
        steps = login.steps
        readyDeadlineNanoseconds = now.monotonicNanoseconds + Int64(limits.connectMilliseconds) * 1_000_000
    }

    package var isReady: Bool { state == .ready }
    /// Answered or not, given up or not.
    package var pendingCount: Int { pending.count }
    package var isFull: Bool { pending.count >= limits.maximumPending }

    /// Nil when nothing is awaited.
    package var nextDeadlineNanoseconds: Int64? {
        guard isReady else { return readyDeadlineNanoseconds }
        return pending.nextDeadlineNanoseconds
    }

    /// Writes the login.
    package mutating func connected(into output: inout ByteBuffer) {
        precondition(state == .connecting, "a connection is connected once")
        state = .loggingIn(answeredSteps: 0)
        for step in steps { login.write(step, into: &output) }
    }

    /// A command was put into the output. `extraMilliseconds`: how long the server itself may wait, as in XREAD BLOCK.
    package mutating func commandSent(_ call: Call, extraMilliseconds: Int = 0, now: Moment) {
        precondition(isReady && !isFull, "commands are sent when the login is done and while there is room")
        let wait = Int64(limits.answerMilliseconds + extraMilliseconds) * 1_000_000
        let stall = Int64(limits.stallMilliseconds + extraMilliseconds) * 1_000_000
        let nanoseconds = now.monotonicNanoseconds
        pending.append(call, deadlineNanoseconds: nanoseconds + wait, stallNanoseconds: nanoseconds + stall)
    }

    package mutating func replyReceived(_ reply: borrowing RESPReply) -> RedisReplyAction<Call> {
        switch state {
        case .connecting: return .giveUp(.malformed)
        case .loggingIn(let answered): return stepAnswered(answered, reply)
        case .ready:
            // A reply that nobody asked for: what comes next cannot be told apart any more.
            guard !pending.isEmpty else { return .giveUp(.malformed) }
            guard let call = pending.removeFirst() else { return .none }
            return .answer(call)
        }
    }

    private mutating func stepAnswered(_ answered: Int, _ reply: borrowing RESPReply) -> RedisReplyAction<Call> {
        if reply.isError, let failure = failure(of: steps[answered], RedisErrorKind(reply.text)) {
            return .giveUp(failure)
        }
        guard answered + 1 == steps.count else {
            state = .loggingIn(answeredSteps: answered + 1)
            return .none
        }
        state = .ready
        return .becomeReady
    }

    private func failure(of step: RedisLogin.Step, _ error: RedisErrorKind) -> RedisFailure? {
        switch step {
        case .authenticate: error == .unavailable ? .unavailable : .loginRefused
        case .select: error == .login ? .loginRefused : error == .unavailable ? .unavailable : .databaseRefused
        // A user may be forbidden to name the connection, or to ping; neither is needed.
        case .setName: nil
        case .ping:
            error == .unavailable ? .unavailable : error == .login && login.password == nil ? .loginRefused : nil
        }
    }

    package mutating func timePassed(now: Moment) -> RedisTimeAction<Call> {
        let nanoseconds = now.monotonicNanoseconds
        guard isReady else { return readyDeadlineNanoseconds <= nanoseconds ? .giveUp(.connectTimedOut) : .nothing }
        if pending.isStalled(at: nanoseconds) { return .giveUp(.timedOut) }
        guard let call = pending.takeOverdue(at: nanoseconds) else { return .nothing }
        return .timeOut(call)
    }

    /// After the end of the connection: those that will not be answered, one at each call.
    package mutating func takeUnanswered() -> Call? { pending.takeAny() }
}
