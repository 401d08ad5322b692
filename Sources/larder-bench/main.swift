// SPDX-License-Identifier: Apache-2.0
let arguments = CommandLine.arguments.dropFirst()

switch arguments.first {
case "eviction": EvictionTable.printAll(scale: arguments.dropFirst().first.flatMap { Int($0) } ?? 1)
default:
    print("usage: larder-bench eviction [SCALE]")
}
