// SPDX-License-Identifier: Apache-2.0
import EventIO

/// What a virtual descriptor stands for.
class VirtualFile {
    /// The pollers that watch this file.
    fileprivate(set) var watches: [VirtualWatch] = []
    /// The scripted peer that owns this file, if one does.
    var onChange: (() -> Void)?

    /// What epoll would find now.
    func readiness() -> ReadyEvents { [] }

    func close() {}

    /// Something changed: whoever watches is told at its next wait, in whichever state this file is then.
    final func changed() {
        for watch in watches { watch.poller?.enqueue(watch) }
        onChange?()
    }

    final func unwatch() {
        for watch in watches { watch.poller?.forget(watch) }
        watches = []
    }
}

/// One file in one poller.
final class VirtualWatch {
    fileprivate(set) weak var poller: VirtualPoller?
    let file: VirtualFile
    var interest: ReadyEvents
    var token: PollToken
    fileprivate var isQueued = false

    init(poller: VirtualPoller, file: VirtualFile, interest: ReadyEvents, token: PollToken) {
        self.poller = poller
        self.file = file
        self.interest = interest
        self.token = token
    }

    /// Hang-ups and errors are told without being asked for.
    func events() -> ReadyEvents { file.readiness().intersection(interest.union([.hungUp, .failed])) }
}

/// An epoll set. As in Linux, a change puts a file into the queue, and a wait tells its whole state and, being
/// edge-triggered, takes it out.
final class VirtualPoller: VirtualFile {
    private static let edgeTriggered = ReadyEvents(rawValue: 1 << 31)
    private var queue: [VirtualWatch] = []

    var hasEvents: Bool { queue.contains { !$0.events().isEmpty } }

    func watch(_ file: VirtualFile) -> VirtualWatch? { file.watches.first { $0.poller === self } }

    func add(_ file: VirtualFile, interest: ReadyEvents, token: PollToken) {
        let watch = VirtualWatch(poller: self, file: file, interest: interest, token: token)
        file.watches.append(watch)
        enqueue(watch)
    }

    func remove(_ watch: VirtualWatch) {
        forget(watch)
        watch.file.watches.removeAll { $0 === watch }
    }

    func enqueue(_ watch: VirtualWatch) {
        guard !watch.isQueued else { return }
        watch.isQueued = true
        queue.append(watch)
    }

    fileprivate func forget(_ watch: VirtualWatch) {
        queue.removeAll { $0 === watch }
        watch.isQueued = false
        watch.poller = nil
    }

    func take(upTo limit: Int, shuffledBy random: inout SeededRandom, isShuffled: Bool) -> [PollEvent] {
        var waiting = queue
        if isShuffled { waiting.shuffle(using: &random) }
        queue = []
        var told: [PollEvent] = []
        for watch in waiting {
            watch.isQueued = false
            guard told.count < limit else {
                enqueue(watch)
                continue
            }
            let events = watch.events()
            guard !events.isEmpty else { continue }
            told.append(PollEvent(events: events, token: watch.token))
            if !watch.interest.contains(Self.edgeTriggered) { enqueue(watch) }
        }
        return told
    }
}

/// An eventfd.
final class VirtualWaker: VirtualFile {
    private var count = 0

    func wake() {
        count += 1
        changed()
    }

    func drain() { count = 0 }

    override func readiness() -> ReadyEvents { count > 0 ? [.readable, .writable] : .writable }
}

/// Through which pages pass at once.
final class VirtualPipeEnd: VirtualFile {}

/// A log.
final class VirtualLog: VirtualFile {
    let path: String

    init(path: String) { self.path = path }
}

/// A listening socket with the connections that nobody accepted yet.
final class VirtualPort: VirtualFile {
    let address: SocketAddress
    private let backlog: Int
    private(set) var waiting: [VirtualEndpoint] = []
    private(set) var isClosed = false

    init(address: SocketAddress, backlog: Int) {
        self.address = address
        self.backlog = backlog
    }

    var hasRoom: Bool { !isClosed && waiting.count <= backlog }

    func enqueue(_ endpoint: VirtualEndpoint) {
        waiting.append(endpoint)
        changed()
    }

    func accept() -> VirtualEndpoint? { waiting.isEmpty ? nil : waiting.removeFirst() }

    override func readiness() -> ReadyEvents { waiting.isEmpty ? [] : .readable }

    override func close() {
        isClosed = true
        for endpoint in waiting { endpoint.reset() }
        waiting = []
    }
}
