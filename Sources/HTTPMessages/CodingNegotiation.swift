// SPDX-License-Identifier: Apache-2.0
import Bytes

/// The content codings that Larder knows (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
@usableFromInline
package enum ContentCoding: UInt8, CaseIterable, Sendable {
    case identity, gzip, deflate, brotli, zstd

    /// The name in Accept-Encoding and Content-Encoding.
    package var name: StaticString {
        switch self {
        case .identity: "identity"
        case .gzip: "gzip"
        case .deflate: "deflate"
        case .brotli: "br"
        case .zstd: "zstd"
        }
    }

    package static func lookUp(_ name: borrowing Span<UInt8>) -> ContentCoding? {
        for coding in allCases where name.equalsIgnoringCase(coding.name) { return coding }
        return name.equalsIgnoringCase("x-gzip") ? .gzip : nil  // RFC 9110 §8.4.1.3
    }
}

/// What a request's Accept-Encoding says about each coding (RFC 9110 §12.5.3).
package struct CodingPreferences: Sendable, Equatable {
    /// Thousandths by `ContentCoding.rawValue`. -1: not acceptable; 0: identity that nobody asked for.
    private var weights: InlineArray<5, Int16>

    /// Without Accept-Encoding everything is acceptable, and identity is the safe choice.
    package init(_ fields: borrowing Fields) {
        guard fields.contains(.acceptEncoding) else {
            weights = [1000, 0, 0, 0, 0]
            return
        }
        weights = [-2, -2, -2, -2, -2]
        var others: Int16 = -2
        for index in fields.slots.indices where fields.slots[index].name == .acceptEncoding {
            read(fields.value(at: index), others: &others)
        }
        // A star speaks for what is not listed; without one only identity is left.
        for coding in weights.indices where weights[coding] == -2 {
            let isIdentity = coding == Int(ContentCoding.identity.rawValue)
            weights[coding] = others == -2 ? (isIdentity ? 0 : -1) : others
        }
    }

    private mutating func read(_ value: borrowing Span<UInt8>, others: inout Int16) {
        var list = FieldListParser()
        while let range = list.next(in: value) {
            guard let member = WeightedMember.split(range, of: value) else { continue }
            let weight = member.weight == 0 ? -1 : Int16(member.weight)
            let name = value.extracting(member.value)
            if name.equals("*") {
                others = weight
            } else if let coding = ContentCoding.lookUp(name) {
                weights[Int(coding.rawValue)] = weight
            }
        }
    }

    package func accepts(_ coding: ContentCoding) -> Bool { weights[Int(coding.rawValue)] >= 0 }

    /// The one of `available` that the client likes best; of equals the earliest. Nil when it takes none.
    package func best(of available: [ContentCoding]) -> ContentCoding? {
        var best: ContentCoding?
        var bestWeight: Int16 = -1
        for coding in available where weights[Int(coding.rawValue)] > bestWeight {
            best = coding
            bestWeight = weights[Int(coding.rawValue)]
        }
        return best
    }

    package static func == (one: CodingPreferences, other: CodingPreferences) -> Bool {
        for index in one.weights.indices where one.weights[index] != other.weights[index] { return false }
        return true
    }
}
