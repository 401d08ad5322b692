// SPDX-License-Identifier: Apache-2.0
// Runs the tests of a clone of the public cache-tests suite against a cache, 40 at a time, and prints the score,
// every test that is not passed, and with --checks the answers to the tests that only ask. --rounds=N runs all of it
// N times without emptying the cache.
//
//   node suite.mjs CLONE http://HOST:PORT [--checks] [--rounds=N] [PATTERN]
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const flags = process.argv.slice(2).filter(argument => argument.startsWith('--'))
const [clone, base, pattern] = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
const load = file => import(pathToFileURL(path.join(path.resolve(clone), file)))
const { runTests, getResults } = await load('test-engine/client/runner.mjs')
const { determineTestResult, resultTypes } = await load('test-engine/lib/results.mjs')
const suites = (await load('tests/index.mjs')).default

const atOnce = 40
const testTimeoutMilliseconds = 40_000
const rounds = Number(flags.find(flag => flag.startsWith('--rounds='))?.slice(9) ?? 1)

const chosen = []
for (const suite of suites) {
  for (const test of suite.tests) {
    if (!test.browser_only && (!pattern || test.id.match(pattern))) chosen.push({ suite, test })
  }
}
const nameOf = verdict => Object.keys(resultTypes).find(name => resultTypes[name] === verdict)

async function run ({ suite, test }) {
  const alone = { name: suite.name, id: suite.id, description: suite.description, tests: [test] }
  let timer
  const limit = new Promise(resolve => { timer = setTimeout(() => resolve('late'), testTimeoutMilliseconds) })
  // A test that throws has told its result already.
  const outcome = await Promise.race([runTests([alone], false, base).catch(() => {}), limit])
  clearTimeout(timer)
  if (outcome === 'late') getResults()[test.id] = ['Setup', 'did not come to its end']
}

async function round () {
  for (const { test } of chosen) delete getResults()[test.id]
  let next = 0
  await Promise.all([...Array(atOnce)].map(async () => { while (next < chosen.length) await run(chosen[next++]) }))
  const results = getResults()
  const counts = {}
  const missed = []
  const checks = []
  for (const { test } of chosen) {
    const kind = test.kind ?? 'required'
    const verdict = nameOf(determineTestResult(suites, test.id, results))
    counts[kind] ??= { all: 0, pass: 0, yes: 0 }
    counts[kind].all += 1
    if (verdict in counts[kind]) counts[kind][verdict] += 1
    if (kind === 'check') checks.push(`  ${test.id}  ${verdict}  ${test.name}`)
    else if (verdict !== 'pass') missed.push(`  ${kind}  ${test.id}  ${verdict}  ${[].concat(results[test.id]).join(': ')}`)
  }
  const score = Object.entries(counts).map(([kind, count]) =>
    kind === 'check' ? `checks answered yes ${count.yes}/${count.all}` : `${kind} ${count.pass}/${count.all}`)
  console.log(score.sort().reverse().join(', '))
  return { missed, checks, isComplete: !counts.required || counts.required.pass === counts.required.all }
}

let isComplete = true
let last
for (let number = 0; number < rounds; number += 1) {
  last = await round()
  isComplete &&= last.isComplete
}
for (const line of last.missed.sort()) console.log(line)
if (flags.includes('--checks')) for (const line of last.checks.sort()) console.log(line)
process.exit(isComplete ? 0 : 1)
