// SPDX-License-Identifier: Apache-2.0
package import EventIO

extension VirtualKernel {
    /// A client that the test plays itself.
    package func connectSocket(to address: SocketAddress) -> VirtualSocket {
        VirtualSocket(startConnecting(to: address), in: self)
    }

    /// An origin that the test plays itself; port 0 chooses one.
    package func listenSocket(
        on address: SocketAddress = .loopback(), onAccept: @escaping (VirtualSocket) -> Void
    ) throws(SystemError) -> VirtualListener {
        try VirtualListener(address: address, world: self, onAccept: onAccept)
    }
}

/// The end of a connection that a test plays. It reads what comes unless told not to, and sends what it was
/// given as there is room; the network's faults hold for it too.
package final class VirtualSocket {
    private let endpoint: VirtualEndpoint
    private let world: VirtualKernel
    private var unsent: [UInt8] = []
    private var endsWhenSent = false
    private var isWoken = false

    /// Everything read and not yet taken.
    package private(set) var received: [UInt8] = []
    /// The other side has ended its stream.
    package private(set) var hasEnded = false
    /// How the connection failed.
    package private(set) var failure: SystemError?
    package private(set) var isClosed = false
    /// While false, bytes stay with the kernel, and the other side runs out of room.
    package var isReading = true {
        didSet { wake() }
    }
    /// Called in a turn of its own after something changed.
    package var onChange: ((VirtualSocket) -> Void)? {
        didSet { wake() }
    }

    init(_ endpoint: VirtualEndpoint, in world: VirtualKernel) {
        self.endpoint = endpoint
        self.world = world
        endpoint.isScripted = true
        endpoint.onChange = { [weak self] in self?.wake() }
        wake()
    }

    deinit {
        endpoint.onChange = nil
        if !isClosed { endpoint.close() }
    }

    package var isConnected: Bool { !endpoint.isConnecting && failure == nil }
    /// Nothing more will come: the other side ended, or the connection failed.
    package var isOver: Bool { hasEnded || failure != nil || isClosed }
    package var unsentCount: Int { unsent.count }
    package var localAddress: SocketAddress { endpoint.local }
    package var remoteAddress: SocketAddress { endpoint.remote }

    package func write(_ bytes: some Sequence<UInt8>) {
        unsent.append(contentsOf: bytes)
        wake()
    }

    package func write(_ text: String) { write(text.utf8) }

    /// Ends the stream once everything is sent; the other side's is still read.
    package func finishWriting() {
        endsWhenSent = true
        wake()
    }

    package func takeReceived() -> [UInt8] {
        defer { received = [] }
        return received
    }

    package var receivedText: String { String(decoding: received, as: UTF8.self) }

    /// What is unsent is lost; what is unread resets the connection.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        endpoint.close()
    }

    package func reset() {
        guard !isClosed else { return }
        isClosed = true
        endpoint.reset()
    }

    private func wake() {
        guard !isWoken else { return }
        isWoken = true
        world.wokenPeers.append { [weak self] in self?.turn() }
    }

    private func turn() {
        isWoken = false
        guard !isClosed, !endpoint.isConnecting else { return }
        if failure == nil { send() }
        if isReading, failure == nil { receive() }
        onChange?(self)
    }

    private func send() {
        while !unsent.isEmpty {
            let result = endpoint.write(unsent)
            if result.isWouldBlock { return }
            if let error = result.error {
                failure = error
                return
            }
            unsent.removeFirst(result.bytes)
        }
        if endsWhenSent { endpoint.shutdownWrite() }
    }

    private func receive() {
        while !hasEnded {
            let (bytes, result) = endpoint.read(upTo: 65536)
            if result.isWouldBlock { return }
            failure = result.error
            if failure != nil { return }
            received += bytes
            hasEnded = result.bytes == 0
        }
    }
}

/// A listener that a test plays; keeps the connections it accepted.
package final class VirtualListener {
    package let address: SocketAddress
    package private(set) var sockets: [VirtualSocket] = []
    private let descriptor: FileDescriptor
    private let world: VirtualKernel
    private let onAccept: (VirtualSocket) -> Void

    fileprivate init(
        address: SocketAddress, world: VirtualKernel, onAccept: @escaping (VirtualSocket) -> Void
    ) throws(SystemError) {
        descriptor = try world.listen(on: address)
        self.address = try world.localAddress(descriptor)
        self.world = world
        self.onAccept = onAccept
        world.port(descriptor).onChange = { [weak self] in
            guard let self else { return }
            self.world.wokenPeers.append { [weak self] in self?.acceptWaiting() }
        }
    }

    /// Refuses from now on; accepted connections live on.
    package func close() { world.close(descriptor) }

    private func acceptWaiting() {
        while let endpoint = world.port(descriptor).accept() {
            let socket = VirtualSocket(endpoint, in: world)
            sockets.append(socket)
            onAccept(socket)
        }
    }
}
