// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages

/// Trailer fields of requests. They come after all decisions have been made of the head, so that only those which the
/// route names are sent on (RFC 9110 §6.5.1).
enum RequestTrailers {
    /// Answers how many lines were dropped. `names` are in lower case.
    static func drop(from trailers: inout Fields, except names: [ContiguousArray<UInt8>]) -> Int {
        let before = trailers.count
        for index in trailers.slots.indices where !isAmong(names, trailers.name(at: index)) { trailers.mark(index) }
        trailers.removeMarked()
        return before - trailers.count
    }

    /// The Trailer field, of those names that it announced and that are sent on.
    static func writeNames(
        _ fields: borrowing Fields, _ names: [ContiguousArray<UInt8>], into buffer: inout ByteBuffer
    ) {
        guard !names.isEmpty, fields.contains(.trailer) else { return }
        for name in names where isAnnounced(name, in: fields) {
            buffer.append("Trailer: ")
            buffer.append(name.span)
            buffer.append("\r\n")
        }
    }

    private static func isAnnounced(_ name: ContiguousArray<UInt8>, in fields: borrowing Fields) -> Bool {
        for index in fields.slots.indices where fields.slots[index].name == .trailer {
            let value = fields.value(at: index)
            var list = FieldListParser()
            while let member = list.next(in: value) {
                if isAmong([name], value.extracting(member)) { return true }
            }
        }
        return false
    }

    private static func isAmong(_ names: [ContiguousArray<UInt8>], _ spelled: borrowing Span<UInt8>) -> Bool {
        for name in names where name.count == spelled.count {
            var index = 0
            while index < name.count, ASCII.lowercased(spelled[index]) == name[index] { index += 1 }
            if index == name.count { return true }
        }
        return false
    }
}
