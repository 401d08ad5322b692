// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO

/// Answers every byte with itself.
final class EchoChannel: Channel {
    private var pending = ByteBuffer()
    private var hasEnded = false

    override func ready(_ events: ReadyEvents) {
        while isOpen {
            let flushed = flush()
            if !flushed || hasEnded { break }
            let result = loop.read(descriptor)
            if result.bytes > 0 {
                pending.append(loop.bytesRead(result.bytes))
            } else if result.bytes == 0 {
                hasEnded = true
            } else {
                if result.isFailure { close() }
                return
            }
        }
        if isOpen, hasEnded, pending.isEmpty { close() }
    }

    private func flush() -> Bool {
        while !pending.isEmpty {
            let result = kernel.send(descriptor, pending.span)
            if result.bytes >= 0 {
                pending.consume(result.bytes)
            } else {
                if result.isFailure { close() }
                return false
            }
        }
        return true
    }
}

/// Makes an `EchoChannel` of every connection.
final class EchoServer: Acceptor {
    private(set) var acceptedCount = 0

    override func accepted(_ descriptor: FileDescriptor, from peer: SocketAddress) {
        acceptedCount += 1
        do { try EchoChannel().attach(descriptor, to: loop) } catch { fatalError("\(error)") }
    }

    static func start(on loop: Loop, address: SocketAddress = .loopback()) throws -> (EchoServer, SocketAddress) {
        let server = EchoServer()
        try server.listen(on: address, loop: loop)
        return (server, try loop.kernel.localAddress(server.descriptor))
    }
}

/// Sends `message`, ends its stream and collects what comes back.
final class EchoClient: Channel {
    private let message: [UInt8]
    private var sent = 0
    private(set) var received: [UInt8] = []
    private(set) var isConnected = false
    private(set) var isFinished = false
    private(set) var failure: SystemError?

    init(message: [UInt8]) { self.message = message }

    func connect(to address: SocketAddress, on loop: Loop) throws(SystemError) {
        let connection = try loop.kernel.connect(to: address)
        isConnected = connection.isConnected
        try attach(connection.descriptor, to: loop)
    }

    override func ready(_ events: ReadyEvents) {
        if !isConnected {
            if let error = kernel.connectionError(descriptor) { return finish(error) }
            guard events.contains(.writable) else { return }
            isConnected = true
        }
        send()
        receive()
    }

    override func deadlinePassed() { finish(.timedOut) }

    private func send() {
        let message = message
        while isOpen, sent < message.count {
            let result = kernel.send(descriptor, message.span.extracting(sent..<message.count))
            if result.isWouldBlock { return }
            if let error = result.error { return finish(error) }
            sent += result.bytes
            if sent == message.count { kernel.shutdownWrite(descriptor) }
        }
    }

    private func receive() {
        while isOpen {
            let result = loop.read(descriptor)
            if result.isWouldBlock { return }
            if let error = result.error { return finish(error) }
            if result.bytes == 0 { return finish(nil) }
            unsafe loop.bytesRead(result.bytes).withUnsafeBufferPointer { unsafe received.append(contentsOf: $0) }
        }
    }

    private func finish(_ error: SystemError?) {
        failure = error
        isFinished = true
        close()
    }
}
