// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO
import Upstreams

/// Looks now and then at how fast clients move what the connections of a pool wait for, as long as few are free.
final class PaceWatch: Deadline {
    private weak var driver: UpstreamDriver?
    /// The driver is to look for somebody who gives way, once nobody is in the middle of something.
    private var isToldSoon = false

    init(_ driver: UpstreamDriver) {
        self.driver = driver
        super.init()
        attachDeadline(to: driver.worker.loop)
    }

    func begin() {
        guard deadlineNanoseconds == Self.never else { return }
        setDeadline(nanoseconds: loop.now.monotonicNanoseconds + UpstreamPool.lookNanoseconds)
    }

    override func deadlinePassed() {
        if let driver, driver.lookAtClients() { begin() }
    }

    func tellSoon() {
        guard !isToldSoon else { return }
        isToldSoon = true
        loop.later { [self] in
            isToldSoon = false
            driver?.makeRoom()
        }
    }
}
