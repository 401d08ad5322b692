// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Storage

struct ConnectionBudgetTests {
    private let budget = ConnectionBudget(limitBytes: 1 << 20)

    @Test("The last quarter is for those who go on")
    func newcomers() {
        var held = HeldBytes(budget)
        var answers = [held.reserve(700 << 10, by: .newcomer), held.reserve(100 << 10, by: .newcomer)]
        answers += [held.reserve(300 << 10, by: .growth), held.reserve(100 << 10, by: .growth)]
        held.release(900 << 10)
        answers.append(held.reserve(600 << 10, by: .newcomer))
        #expect(answers == [true, false, true, false, true])
    }

    @Test("What is there already counts, room or not, and tells that it is too much")
    func overdrawn() {
        var held = HeldBytes(budget)
        held.hold(1 << 20)
        var isOverdrawn = held.isOverdrawn
        #expect(!isOverdrawn)
        held.hold(1)
        isOverdrawn = held.isOverdrawn
        #expect(isOverdrawn)
        held.release(1)
        isOverdrawn = held.isOverdrawn
        #expect(!isOverdrawn)
    }

    @Test("Loops hear of one another in steps, and in the end of nothing but small change", arguments: 1...4)
    func steps(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var one = HeldBytes(budget)
        var other = HeldBytes(budget)
        for _ in 0..<2000 {
            let change = Int(generator.next() % 60_000)
            if generator.next() % 2 == 0 { one.hold(change) } else { one.release(min(change, one.bytes)) }
            if generator.next() % 2 == 0 { other.hold(change / 3) } else { other.release(min(change, other.bytes)) }
            let untold = budget.heldBytes - one.bytes - other.bytes
            #expect(untold.magnitude <= 64 << 10)
        }
        one.release(one.bytes)
        other.release(other.bytes)
        #expect(budget.heldBytes.magnitude <= 2 * 32 << 10)
    }

    @Test("The store's share is not the connections', and comes back whole when the process has shrunk")
    func governor() {
        var governor = MemoryGovernor(configuredBytes: 64 << 20, connectionBytes: 16 << 20)
        var advice = governor.measured(accountedBytes: 48 << 20, heldBytes: 16 << 20, residentBytes: 90 << 20)
        #expect(advice.limitBytes == 48 << 20)
        for _ in 0..<2 {
            advice = governor.measured(accountedBytes: 48 << 20, heldBytes: 16 << 20, residentBytes: 130 << 20)
        }
        #expect(advice.limitBytes < 48 << 20)
        for _ in 0..<24 {
            advice = governor.measured(accountedBytes: 12 << 20, heldBytes: 0, residentBytes: 40 << 20)
        }
        #expect(advice.limitBytes == 48 << 20)
    }
}
