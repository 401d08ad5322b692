// SPDX-License-Identifier: Apache-2.0
public import Bytes
import CLinux

/// Where a socket is bound or whom it is connected to.
public enum SocketAddress: Hashable, Sendable {
    case internet(IPAddress, port: UInt16)
    case unix(UnixPath)

    package init(_ ip: IPAddress, port: UInt16) { self = .internet(ip, port: port) }

    /// 127.0.0.1, by default with a port of the kernel's choice.
    package static func loopback(port: UInt16 = 0) -> SocketAddress { .internet(.loopback, port: port) }

    package var ip: IPAddress? {
        if case .internet(let ip, _) = self { ip } else { nil }
    }

    /// 0 for unix sockets.
    package var port: UInt16 {
        if case .internet(_, let port) = self { port } else { 0 }
    }

    /// Unix sockets never leave the machine, so they count.
    package var isLoopback: Bool { ip?.isLoopback ?? true }
}

/// The path of a unix socket, at most 107 bytes; empty for an unnamed one.
public struct UnixPath: Hashable, Sendable {
    package static let maxBytes = 107
    private var storage = InlineArray<108, UInt8>(repeating: 0)
    private var length: UInt8 = 0

    package init() {}

    package init?(_ text: borrowing Span<UInt8>) {
        guard text.count > 0, text.count <= Self.maxBytes else { return nil }
        for index in 0..<text.count {
            guard text[index] != 0 else { return nil }
            storage[index] = text[index]
        }
        length = UInt8(text.count)
    }

    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { storage.span.extracting(first: Int(length)) }
    }

    public static func == (one: UnixPath, other: UnixPath) -> Bool { one.span.elementsEqual(other.span) }

    public func hash(into hasher: inout Hasher) {
        for index in 0..<Int(length) { hasher.combine(storage[index]) }
    }
}

// MARK: Text

extension SocketAddress {
    /// Reads `127.0.0.1:80`, `[::1]:80` or `unix:/path`, or answers nil.
    package init?(_ text: borrowing Span<UInt8>) {
        if text.count > 5, text.extracting(first: 5).equals("unix:") {
            guard let path = UnixPath(text.extracting(5..<text.count)) else { return nil }
            self = .unix(path)
            return
        }
        var colon = text.count - 1
        while colon >= 0, text[colon] != ASCII.colon { colon -= 1 }
        guard colon > 0, let port = Self.port(text.extracting(colon + 1..<text.count)) else { return nil }
        let isBracketed = text[0] == UInt8(ascii: "[") && text[colon - 1] == UInt8(ascii: "]")
        let host = text.extracting(isBracketed ? 1..<colon - 1 : 0..<colon)
        // An IPv6 address without brackets leaves open where the port begins.
        guard let ip = IPAddress(host), isBracketed != host.isDotted else { return nil }
        self = .internet(ip, port: port)
    }

    package init?(_ text: String) {
        guard let address = SocketAddress(text.utf8Span.span) else { return nil }
        self = address
    }

    private static func port(_ text: borrowing Span<UInt8>) -> UInt16? {
        guard text.count > 0, text.count <= 5 else { return nil }
        var value = 0
        for index in 0..<text.count {
            guard ASCII.isDigit(text[index]) else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
        }
        return UInt16(exactly: value)
    }

    /// Writes what `init(_:)` reads; an unnamed unix socket is `unix:`.
    package func write(into buffer: inout ByteBuffer) {
        switch self {
        case .internet(let ip, let port):
            if !ip.isV4 { buffer.append(UInt8(ascii: "[")) }
            ip.write(into: &buffer)
            if !ip.isV4 { buffer.append(UInt8(ascii: "]")) }
            buffer.append(ASCII.colon)
            buffer.append(decimal: Int(port))
        case .unix(let path):
            buffer.append("unix:")
            buffer.append(path.span)
        }
    }

    /// Writes the address without its port, as logs and Forwarded fields show peers.
    package func writeHost(into buffer: inout ByteBuffer) {
        if let ip { ip.write(into: &buffer) } else { write(into: &buffer) }
    }
}

extension Span where Element == UInt8 {
    /// Only an IPv4 address has no colon.
    fileprivate var isDotted: Bool {
        for index in 0..<count where self[index] == ASCII.colon { return false }
        return true
    }
}

extension SocketAddress: CustomStringConvertible {
    public var description: String {
        var buffer = ByteBuffer(capacity: 48)
        write(into: &buffer)
        return buffer.span.text()
    }
}

// MARK: The form system calls take

extension SocketAddress {
    var raw: CLinux_address {
        var raw = CLinux_address()
        switch self {
        case .internet(let ip, let port):
            raw.high = ip.high
            raw.low = ip.low
            raw.port = port
        case .unix(let path):
            raw.is_unix = 1
            raw.path_length = UInt8(path.span.count)
            unsafe withUnsafeMutableBytes(of: &raw.path) { into in
                for index in 0..<path.span.count { unsafe into[index] = path.span[index] }
            }
        }
        return raw
    }

    init(raw: CLinux_address) {
        guard raw.is_unix != 0 else {
            self = .internet(IPAddress(high: raw.high, low: raw.low), port: raw.port)
            return
        }
        let path = unsafe withUnsafeBytes(of: raw.path) { bytes in
            let used = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Int(raw.path_length)])
            return unsafe UnixPath(Span<UInt8>(_unsafeBytes: used))
        }
        self = .unix(path ?? UnixPath())
    }
}
