// SPDX-License-Identifier: Apache-2.0
package import Bytes

/// The protocols that a connection may change to (RFC 9110 §7.8). What a client asks for besides them is not passed
/// on: on a connection that speaks something else no rule of the proxy holds any more.
package struct UpgradeProtocols: Sendable {
    private let allowed: ContiguousArray<ContiguousArray<UInt8>>

    /// - Parameter names: `websocket`, which stands for each of its versions, or `name/version`.
    package init(_ names: [String]) {
        allowed = ContiguousArray(names.map { ContiguousArray($0.utf8) })
    }

    private func allows(_ name: borrowing Span<UInt8>) -> Bool {
        let end = name.firstIndex(of: ASCII.slash, in: 0..<name.count) ?? name.count
        for wanted in allowed {
            if wanted.span.equalsIgnoringCase(name) { return true }
            if wanted.span.equalsIgnoringCase(name.extracting(0..<end)) { return true }
        }
        return false
    }

    /// Whether the Upgrade lines of a request name one of them.
    package func allowsAny(of request: borrowing Fields) -> Bool {
        guard !allowed.isEmpty else { return false }
        for index in request.slots.indices where request.slots[index].name == .upgrade {
            let line = request.value(at: index)
            var members = FieldListParser()
            while let member = members.next(in: line) {
                if allows(line.extracting(member)) { return true }
            }
        }
        return false
    }

    /// The Upgrade line of a request, without what is not allowed.
    package func write(_ request: borrowing Fields, into buffer: inout ByteBuffer) {
        var isFirst = true
        for index in request.slots.indices where request.slots[index].name == .upgrade {
            let line = request.value(at: index)
            var members = FieldListParser()
            while let member = members.next(in: line) {
                guard allows(line.extracting(member)) else { continue }
                buffer.append(isFirst ? "Upgrade: " : ", ")
                buffer.append(line.extracting(member))
                isFirst = false
            }
        }
        if !isFirst { buffer.append("\r\n") }
    }

    /// Whether a 101 changes to something that `request` asked for and that is allowed, and to nothing else.
    package func permits(_ response: borrowing Fields, askedBy request: borrowing Fields) -> Bool {
        var names = 0
        for index in response.slots.indices where response.slots[index].name == .upgrade {
            let line = response.value(at: index)
            var members = FieldListParser()
            while let member = members.next(in: line) {
                let name = line.extracting(member)
                guard allows(name), UpgradeProtocols.lines(of: request, name: name) else { return false }
                names += 1
            }
        }
        return names > 0
    }

    private static func lines(of request: borrowing Fields, name: borrowing Span<UInt8>) -> Bool {
        for index in request.slots.indices where request.slots[index].name == .upgrade {
            let line = request.value(at: index)
            var members = FieldListParser()
            while let member = members.next(in: line) {
                if line.extracting(member).equalsIgnoringCase(name) { return true }
            }
        }
        return false
    }
}
