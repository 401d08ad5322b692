// SPDX-License-Identifier: Apache-2.0

/// What changed on a descriptor since it was last told (edge-triggered).
public struct ReadyEvents: OptionSet, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    // The values are those of epoll(7).
    @inlinable package static var readable: ReadyEvents { ReadyEvents(rawValue: 0x1) }
    @inlinable package static var writable: ReadyEvents { ReadyEvents(rawValue: 0x4) }
    @inlinable package static var failed: ReadyEvents { ReadyEvents(rawValue: 0x8) }
    /// Both directions are closed.
    @inlinable package static var hungUp: ReadyEvents { ReadyEvents(rawValue: 0x10) }
    /// The peer has ended its stream; what it sent before can still be read.
    @inlinable package static var peerClosed: ReadyEvents { ReadyEvents(rawValue: 0x2000) }
    static let edgeTriggered = ReadyEvents(rawValue: 1 << 31)

    /// What a stream wants to hear of, for its whole life.
    package static let stream: ReadyEvents = [.readable, .writable, .peerClosed, .edgeTriggered]
    /// A pipe that had none.
    package static let room: ReadyEvents = [.writable, .edgeTriggered]
    /// Listeners, wake-ups and signals are only read.
    package static let input: ReadyEvents = [.readable, .edgeTriggered]
}

/// One event of a wait, laid out as the kernel writes it.
public struct PollEvent {
    package var events: UInt32
    #if !arch(x86_64)
        private var padding: UInt32 = 0
    #endif
    package var token: PollToken

    package init(events: ReadyEvents, token: PollToken) {
        self.events = events.rawValue
        self.token = token
    }
}

/// Tells whom an event is for: a place in the loop's table, and which of its successive tenants.
public struct PollToken: Hashable, Sendable {
    package var slot: UInt32
    package var generation: UInt32

    package init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    var data: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
}
