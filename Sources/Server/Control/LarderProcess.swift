// SPDX-License-Identifier: Apache-2.0
import EventIO
package import Settings
import Storage
import Telemetry

/// The whole of `larder serve`: loops on their threads, from the start to the end.
package enum LarderProcess {
    /// Answers the exit status when a signal has ended it. The control loop runs on the thread of the caller.
    package static func serve(
        _ settings: ProxySettings, source: ConfigurationSource, version: String, notifySocket: String?
    ) throws(StartError) -> Int32 {
        let descriptorLimit = try prepare()
        let kernel = Kernel()
        let count = settings.workers ?? HostProcess.processorCount
        var loops: [Loop] = []
        let blockingLoop: Loop
        let controlLoop: Loop
        let proxy: Proxy
        do throws(SystemError) {
            for _ in 0..<count { loops.append(try Loop(kernel: kernel)) }
            blockingLoop = try Loop(kernel: kernel)
            controlLoop = try Loop(kernel: kernel)
        } catch { throw StartError("make \(count) event loops", error) }
        do throws(SystemError) {
            proxy = try Proxy(settings: settings, kernel: kernel, loops: loops, blockingLoop: blockingLoop)
        } catch { throw StartError("open the logs", error) }
        let control = Control(
            proxy: proxy, loop: controlLoop, source: source, version: version, notifySocket: notifySocket)
        try control.start()
        control.warnOfDescriptors(descriptorLimit)
        return try run(control, controlLoop, loops, blockingLoop)
    }

    /// Everything that must be done before there are threads; answers the limit of open files.
    private static func prepare() throws(StartError) -> Int {
        do throws(SystemError) {
            try HostProcess.openMissingStreams()
        } catch { throw StartError("open the standard streams", error) }
        // An allocator that does not take it costs memory, and nothing else.
        _ = Storage.ProcessMemory.tuneAllocator()
        do throws(SystemError) {
            try HostProcess.prepareSignals()
        } catch { throw StartError("prepare signals", error) }
        do throws(SystemError) {
            return try HostProcess.raiseDescriptorLimit()
        } catch { throw StartError("raise the limit of open files", error) }
    }

    private static func run(
        _ control: Control, _ controlLoop: Loop, _ loops: [Loop], _ blockingLoop: Loop
    ) throws(StartError) -> Int32 {
        var threads: [LoopThread] = []
        let blockingThread: LoopThread
        do throws(SystemError) {
            blockingThread = try LoopThread.start(name: "blocking", kernel: controlLoop.kernel, running: blockingLoop)
            for (index, loop) in loops.enumerated() {
                threads.append(
                    try LoopThread.start(name: "worker-\(index)", kernel: controlLoop.kernel, running: loop))
            }
        } catch { throw StartError("start a thread", error) }
        // Freeing a full cache entry by entry would take seconds, and the process gives all of it back at once.
        control.staysForGood()
        controlLoop.run()
        for thread in threads { thread.join() }
        // What the workers logged last is written before the thread that writes it ends.
        control.proxy.finishLogs()
        blockingThread.stop()
        blockingThread.join()
        return 0
    }
}

extension Control {
    /// Keeps everything to the end of the process.
    fileprivate func staysForGood() { itself = self }

    /// A connection to a client may need another to its upstream.
    func warnOfDescriptors(_ limit: Int) {
        let needed = 2 * snapshot.settings.limits.connections
        guard limit < needed else { return }
        events.write(
            .warning, "few_descriptors", ["limit": .number(limit), "wanted": .number(needed)])
    }
}
