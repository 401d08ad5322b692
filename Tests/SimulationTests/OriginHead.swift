// SPDX-License-Identifier: Apache-2.0
import HTTPMessages

/// The wire form of the simulated origin's answers.
enum OriginHead {
    static func hasBody(_ response: OriginResponse) -> Bool {
        response.request.method != "HEAD" && response.status != 304
    }

    /// What the message carries: all of the body, or the range asked for.
    static func content(_ response: OriginResponse) -> [UInt8] {
        guard hasBody(response) else { return [] }
        return Array(response.body[part(of: response)])
    }

    private static func part(of response: OriginResponse) -> Range<Int> {
        guard response.status == 206, let range = response.request.range else { return response.body.indices }
        let end = min(range.upperBound + 1, response.body.count)
        return min(range.lowerBound, end - 1)..<end
    }

    static func text(_ response: OriginResponse, _ plan: OriginPlan) -> [UInt8] {
        var head = "HTTP/1.1 \(response.status) Status\r\nX-Serial: \(response.serial)\r\n\(plan.fields)"
        if let eTag = response.eTag { head += "ETag: \(eTag)\r\n" }
        let part = part(of: response)
        if response.status == 206 {
            head += "Content-Range: bytes \(part.lowerBound)-\(part.upperBound - 1)/\(response.body.count)\r\n"
        }
        if response.status != 304 {
            switch plan.framing {
            case .length: head += "Content-Length: \(part.count)\r\n"
            case .chunked: head += "Transfer-Encoding: chunked\r\n"
            case .untilClose: head += "Connection: close\r\n"
            }
        }
        return Array((head + "\r\n").utf8)
    }

    static func piece(_ bytes: some Collection<UInt8>, _ framing: OriginPlan.Framing) -> [UInt8] {
        guard framing == .chunked else { return Array(bytes) }
        guard !bytes.isEmpty else { return [] }
        return Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
    }
}

extension OriginRequest {
    init(_ head: borrowing RequestHead) {
        self.init()
        method = String(copying: head.methodBytes)
        target = String(copying: head.target)
        ifNoneMatch = head.fields.text(of: .ifNoneMatch)
        ifRange = head.fields.text(of: .ifRange)
        isOnItsOwn = head.fields.present.intersects([.ifMatch, .ifUnmodifiedSince])
        let authorization = head.fields.text(of: .authorization)
        isAuthorized = authorization != nil
        var sentUser = "-"
        for index in head.fields.slots.indices {
            switch String(copying: head.fields.name(at: index)).lowercased() {
            case "x-asked": asked = Int(String(copying: head.fields.value(at: index))) ?? -1
            case "x-poison": isPoisonous = true
            case "x-user": sentUser = String(copying: head.fields.value(at: index))
            default: break
            }
        }
        switch page.audience {
        case .everyone: user = "*"
        case .varied: user = sentUser
        case .personal: user = authorization?.split(separator: " ").last.map(String.init) ?? "-"
        }
        if let text = head.fields.text(of: .range) {
            let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
            if numbers.count == 2, numbers[0] <= numbers[1] { range = numbers[0]...numbers[1] }
            wantsParts = text.contains(",")
            if numbers.count == 1, text.hasSuffix("-") { range = numbers[0]...(Int.max - 1) }
        }
    }
}

extension String {
    init(copying bytes: borrowing Span<UInt8>) {
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count)
        for index in 0..<bytes.count { copy.append(bytes[index]) }
        self = String(decoding: copy, as: UTF8.self)
    }
}
