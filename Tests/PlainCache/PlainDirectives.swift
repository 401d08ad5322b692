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

    var members: [(name: String, argument: Argument)] = []

    init(lines: [String]) {
        for line in lines { members += listMembers(line).map(PlainDirectives.member) }
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
