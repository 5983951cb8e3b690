// Answers the cases of `generate` with the npm package @cloud-copilot/iam-simulate, which whoever runs this has installed beside the
// working directory: `node simulate.mjs cases.jsonl > answers.jsonl`. The package is a peer to compare with (AGPL-3.0): it is neither
// linked nor shipped.
import { createRequire } from 'node:module'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const require = createRequire(path.join(process.cwd(), 'package.json'))
const { runSimulation } = await import(pathToFileURL(require.resolve('@cloud-copilot/iam-simulate')))

const allowAll = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
let spent = 0
let count = 0
let refused = 0
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const own = JSON.parse(line)
  const simulation = {
    identityPolicies: [{ name: 'all', policy: allowAll }],
    serviceControlPolicies: [
      { orgIdentifier: 'r-root', policies: (own.policies ?? [allowAll, own.policy]).map((policy, at) => ({ name: `p${at}`, policy })) },
    ],
    resourceControlPolicies: [],
    request: {
      action: own.action,
      principal: own.principal ?? 'arn:aws:iam::111122223333:user/jane',
      resource: { accountId: '111122223333', resource: own.resource },
      contextVariables: own.context,
    },
  }
  const started = process.hrtime.bigint()
  const answer = await runSimulation(simulation, {})
  spent += Number(process.hrtime.bigint() - started)
  count += 1
  let denied = null
  if (answer.resultType === 'single') denied = answer.overallResult === 'ExplicitlyDenied'
  else {
    refused += 1
    if (refused <= 3) console.error(JSON.stringify(answer.errors ?? answer).slice(0, 400))
  }
  console.log(JSON.stringify({ id: own.id, denied }))
}
console.error(`${count} cases in ${(spent / 1e9).toFixed(2)} s, ${Math.round(count / (spent / 1e9))} per second, ${refused} refused`)
