// SPDX-License-Identifier: Apache-2.0

/// The members of Cache-Control (RFC 9111 §5.2), as they were written.
struct PlainDirectives {
    enum Argument: Equatable {
        case none
        case token(String)
        case quoted(String)
        /// Whatever stands behind the name is no argument.
        case broken
    }

    /// What was written, and what of it counts where something is allowed by it.
    struct Member {
        let name: String
        let written: Argument
        var argument: Argument
    }

    var members: [Member] = []

    /// What stands behind a quote that should not be there, or is never closed, is broken: who reads it otherwise takes
    /// it for text. All lines are one list, so that this goes for the lines that follow.
    init(lines: [String]) {
        var isBroken = false
        for line in lines {
            var rest = Array(line.unicodeScalars)
            while !rest.isEmpty {
                let comma = rest.firstIndex(of: ",") ?? rest.count
                var end = comma
                if !isBroken, rest[..<comma].contains("\"") {
                    if let quoted = PlainDirectives.endOfQuoted(rest) { end = quoted } else { isBroken = true }
                }
                let text = trim(string(rest[..<end]))
                rest = Array(rest.dropFirst(end + 1))
                guard !text.isEmpty else { continue }
                let (name, argument) = PlainDirectives.member(text)
                members.append(Member(name: name, written: argument, argument: isBroken ? .broken : argument))
            }
        }
    }

    /// Where a member ends that is a name and a quoted string, and nothing else; nil when it is not.
    private static func endOfQuoted(_ scalars: [Unicode.Scalar]) -> Int? {
        guard let quote = scalars.firstIndex(of: "\""), quote > 0, scalars[quote - 1] == "=" else { return nil }
        guard isToken(trimStart(string(scalars[..<(quote - 1)]))) else { return nil }
        var place = quote + 1
        while place < scalars.count, scalars[place] != "\"" { place += scalars[place] == "\\" ? 2 : 1 }
        guard place < scalars.count else { return nil }
        let end = scalars[place...].firstIndex(of: ",") ?? scalars.count
        return trim(string(scalars[(place + 1)..<end])).isEmpty ? end : nil
    }

    private static func trimStart(_ text: String) -> String {
        string(text.unicodeScalars.drop { $0 == " " || $0 == "\t" })
    }

    private static func member(_ text: String) -> (name: String, argument: Argument) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard isToken(parts[0]) else {
            // The name is what can be read of it: a prohibition is heard even when it is badly written.
            let name = parts[0].unicodeScalars.prefix { isToken(String($0)) }
            return (lowercase(string(name)), .broken)
        }
        let name = lowercase(parts[0])
        if parts.count == 1 { return (name, .none) }
        if isToken(parts[1]) { return (name, .token(parts[1])) }
        let scalars = Array(parts[1].unicodeScalars)
        guard scalars.count >= 2, scalars.first == "\"", scalars.last == "\"" else { return (name, .broken) }
        return (name, .quoted(string(scalars.dropFirst().dropLast())))
    }

    // MARK: What is forbidden, however badly it is written

    func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// no-cache and private speak of the whole response, unless all they do is to name fields.
    func hasUnqualified(_ name: String) -> Bool {
        members.contains { member in
            guard member.name == name else { return false }
            guard case .quoted(let text) = member.argument else { return true }
            let names = listMembers(text)
            return names.isEmpty || !names.allSatisfy(isToken)
        }
    }

    // MARK: What is allowed, if it is written well

    func allows(_ name: String) -> Bool { members.contains { $0.name == name && $0.argument != .broken } }

    /// The number that the first directive of that name has (RFC 9111 §4.2.1); zero when that one is badly
    /// written, since "caches are encouraged to consider responses that have invalid freshness information to be
    /// stale".
    func lifetime(_ name: String) -> Int? {
        members.first { $0.name == name }.map { PlainDirectives.seconds($0.argument) ?? 0 }
    }

    /// The first that is well written.
    func seconds(_ name: String) -> Int? {
        members.lazy.filter { $0.name == name }.compactMap { PlainDirectives.seconds($0.argument) }.first
    }

    /// The same of a wish for better, which counts wherever it stands.
    func firstNumber(_ name: String) -> Int? {
        members.lazy.filter { $0.name == name }.compactMap { PlainDirectives.seconds($0.written) }.first
    }

    func isWellWritten(_ name: String) -> Bool {
        members.first { $0.name == name }.map { PlainDirectives.seconds($0.argument) != nil } ?? false
    }

    private static func seconds(_ argument: Argument) -> Int? {
        switch argument {
        case .token(let text), .quoted(let text): deltaSeconds(text)
        case .none, .broken: nil
        }
    }
}
