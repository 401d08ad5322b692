// SPDX-License-Identifier: Apache-2.0

/// One server of an upstream: its weight, and what its addresses have shown of themselves.
struct UpstreamServer {
    struct Address: Equatable {
        let index: Int
        var failuresInARow = 0
        /// Passed over until then, as long as another one can be tried.
        var retryNanoseconds = Int64.min
    }

    let weight: Int
    /// Of the smooth weighted round robin.
    var currentWeight = 0
    var addresses: [Address] = []
    /// When the first of its addresses may be tried again; `.min` while one is well.
    private(set) var retryNanoseconds = Int64.min
    private var nextAddress = 0
    var idleTimeoutNanoseconds: Int64
    /// The newest idle connection, and the oldest.
    var newestIdle: Int32 = -1
    var oldestIdle: Int32 = -1

    init(weight: Int, idleTimeoutNanoseconds: Int64) {
        self.weight = weight
        self.idleTimeoutNanoseconds = idleTimeoutNanoseconds
    }

    func isUsable(at nowNanoseconds: Int64) -> Bool {
        !addresses.isEmpty && retryNanoseconds <= nowNanoseconds
    }

    /// Keeps what is known about addresses that stay.
    mutating func resolved(_ indices: [Int]) {
        let known = addresses
        addresses = indices.map { index in known.first { $0.index == index } ?? Address(index: index) }
        updateRetry()
    }

    /// Addresses take turns; one that failed lately is passed over while another has not.
    mutating func takeAddress(at nowNanoseconds: Int64) -> Int? {
        guard !addresses.isEmpty else { return nil }
        var best = nextAddress % addresses.count
        for step in 0..<addresses.count {
            let candidate = (nextAddress + step) % addresses.count
            if addresses[candidate].retryNanoseconds <= nowNanoseconds {
                best = candidate
                break
            }
            if addresses[candidate].retryNanoseconds < addresses[best].retryNanoseconds { best = candidate }
        }
        nextAddress = best + 1
        return addresses[best].index
    }

    mutating func succeeded(address: Int) {
        guard let place = addresses.firstIndex(where: { $0.index == address }) else { return }
        addresses[place] = Address(index: address)
        updateRetry()
    }

    /// `random` spreads the retries of many loops and nodes over a quarter of the delay to either side.
    mutating func failed(address: Int, at nowNanoseconds: Int64, limits: UpstreamPoolLimits, random: UInt64) {
        guard let place = addresses.firstIndex(where: { $0.index == address }) else { return }
        let doublings = min(addresses[place].failuresInARow, 16)
        let milliseconds = min(limits.firstBackOffMilliseconds << doublings, limits.maximumBackOffMilliseconds)
        let jitter = Int64(random % 513) - 256
        let delay = milliseconds * 1_000_000 / 1024 * (1024 + jitter)
        addresses[place].failuresInARow += 1
        addresses[place].retryNanoseconds = nowNanoseconds + delay
        updateRetry()
    }

    private mutating func updateRetry() {
        var earliest = Int64.max
        for address in addresses { earliest = min(earliest, address.retryNanoseconds) }
        retryNanoseconds = addresses.isEmpty ? .min : earliest
    }
}
