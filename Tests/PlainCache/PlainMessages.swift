// SPDX-License-Identifier: Apache-2.0

/// RFC 9111 once more, read plainly and written with nothing but strings: what the rules of the product are
/// compared with. It imports none of them.
package struct PlainFields {
    /// Names in lower case, in the order in which they came.
    package var lines: [(name: String, value: String)]

    package init(_ lines: [(String, String)]) { self.lines = lines.map { (lowercase($0.0), trim($0.1)) } }

    func values(_ name: String) -> [String] { lines.filter { $0.name == name }.map(\.value) }

    func has(_ name: String) -> Bool { lines.contains { $0.name == name } }

    /// The first line of the name that is there.
    func first(_ name: String) -> String? { lines.first { $0.name == name }?.value }
}

package struct PlainRequest {
    package var method: String
    /// In origin form.
    package var target: String
    package var fields: PlainFields

    package init(method: String = "GET", target: String = "/a", fields: PlainFields = PlainFields([])) {
        self.method = method
        self.target = target
        self.fields = fields
    }
}

package struct PlainResponse {
    package var status: Int
    package var fields: PlainFields

    package init(status: Int, fields: PlainFields) {
        self.status = status
        self.fields = fields
    }
}

// MARK: Text

func trim(_ text: String) -> String {
    var scalars = Substring(text).unicodeScalars
    while let first = scalars.first, first == " " || first == "\t" { scalars.removeFirst() }
    while let last = scalars.last, last == " " || last == "\t" { scalars.removeLast() }
    return String(scalars)
}

/// Letters of ASCII only: others have no case in HTTP.
func lowercase(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { scalar in
                ("A"..."Z").contains(scalar) ? Unicode.Scalar(scalar.value + 32) ?? scalar : scalar
            }))
}

func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                || "!#$%&'*+-.^_`|~".unicodeScalars.contains($0)
        }
}

/// The members of a list (RFC 9110 §5.6.1), without the empty ones. A quote that is never closed protects no
/// comma.
func listMembers(_ text: String) -> [String] { listParts(text).filter { !$0.isEmpty } }

/// The same with the empty ones.
func listParts(_ text: String) -> [String] {
    var members: [String] = []
    var rest = Array(text.unicodeScalars) + [","]
    while !rest.isEmpty {
        let end = memberEnd(rest) ?? (rest.firstIndex(of: ",") ?? rest.count)
        members.append(trim(string(rest[..<end])))
        rest = Array(rest.dropFirst(end + 1))
    }
    return members
}

/// Where the first member ends; nil when a quote in it is never closed.
private func memberEnd(_ scalars: [Unicode.Scalar]) -> Int? {
    var inQuotes = false
    var escaped = false
    for (index, scalar) in scalars.enumerated() {
        if escaped {
            escaped = false
        } else if inQuotes, scalar == "\\" {
            escaped = true
        } else if scalar == "\"" {
            inQuotes.toggle()
        } else if scalar == ",", !inQuotes {
            return index
        }
    }
    return inQuotes ? nil : scalars.count
}

func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}

/// delta-seconds (RFC 9111 §1.2.2): digits only; more than 2^31 counts as 2^31.
func deltaSeconds(_ text: String) -> Int? {
    guard !text.isEmpty, text.unicodeScalars.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    return min(Int(text) ?? Int.max, 2_147_483_648)
}
