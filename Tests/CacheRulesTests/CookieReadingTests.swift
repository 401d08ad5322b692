// SPDX-License-Identifier: Apache-2.0
import Bytes
import HTTPMessages
import Testing

@testable import CacheRules

/// What servers may take for a cookie is keyed, or the whole Cookie is.
@Suite struct CookieReadingTests {
    private static func read(_ lines: [String], name: String = "plan") -> (CookieReading, [String]) {
        var fields = Fields()
        for line in lines { fields.append("Cookie", line) }
        let name = Array(name.utf8)
        var values: [String] = []
        CookieReading.forEachPair(of: name.span, in: fields) { values.append($0.text()) }
        return (CookieReading.of(name.span, in: fields), values)
    }

    @Test(arguments: [
        ("plan=pro", ["pro"]), ("a=1; plan=pro; b=2", ["pro"]), ("plan=a; plan=b", ["a", "b"]), ("plan=", [""]),
        ("plan=\"pro\"", ["\"pro\""]), ("a=1;plan=pro", ["pro"]), ("plan=plan", ["plan"]), ("plan=a=b", ["a=b"]),
        ("a=plan; plan=1; planet=2; xplan=3; x-plan=4", ["1"]),
    ])
    func pairs(line: String, values: [String]) {
        let (reading, found) = Self.read([line])
        #expect(reading == .pairs)
        #expect(found == values)
    }

    @Test(arguments: [
        "", "a=1", "planet=earth", "my-plan=1", "a=plan", "a=\"b; c\"", "a=1, b=2", "a=plan=1",
    ])
    func absent(line: String) { #expect(Self.read([line]).0 == .absent) }

    @Test(arguments: [
        "Plan=pro", "PLAN=pro; plan=free", "plan =pro", "plan= pro; x", "=plan=pro", "a=1; =plan=pro", "plan",
        "a=1; plan",
        "plan; a=1", "pl%61n=pro", "%70lan=pro", "plan[]=pro", "plan[0]=pro", "a=1, plan=pro", "a=1,plan=pro",
        "a=1 plan=pro", "a=\"1; plan=pro; b=\"", "a=\"1; plan=pro", "a=1\\; plan=pro", "plan=\"a; b\"", "plan=a\"b",
        "\"plan\"=pro", "plan=a,b", "plan=a b", "plan=pro;", ";plan=pro", "plan=pro; bad", "x{}=1; plan=pro",
        "plan=pro; a=\u{E9}", "plan\t=pro", "a=1;\tplan=pro",
    ])
    func ambiguous(line: String) { #expect(Self.read([line]).0 == .ambiguous) }

    /// Some servers put underscores in the place of what their variables' names may not hold.
    @Test(arguments: ["my.plan=a", "my plan=a", "my+plan=a", "my[plan=a", "my\tplan=a", "my%2Eplan=a", "My.Plan=a"])
    func ambiguousUnderscores(line: String) {
        #expect(Self.read([line], name: "my_plan").0 == .ambiguous)
        #expect(Self.read(["my_plan=b; \(line)"], name: "my_plan").0 == .ambiguous)
    }

    @Test func severalLinesAreReadInSeveralWays() {
        #expect(Self.read(["plan=a", "b=1"]).0 == .ambiguous)
        #expect(Self.read(["b=1", "plan=a"]).0 == .ambiguous)
        #expect(Self.read(["b=1", "c=2"]).0 == .absent)
    }
}
