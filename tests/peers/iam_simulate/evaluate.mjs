// One request and its policies a line in, as JSON; the simulator's verdict a line out.
import { createInterface } from 'node:readline'
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  const { policies, boundary, action, resource, context } = JSON.parse(line)
  let verdict
  try {
    verdict = runUnsafeSimulation({
      identityPolicies: policies.map((policy, number) => ({ name: `policy${number}`, policy })),
      permissionBoundaryPolicies: boundary?.map((policy, number) => ({ name: `boundary${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      request: {
        principal: 'arn:aws:iam::123456789012:user/alice',
        action,
        resource: { resource, accountId: '123456789012' },
        contextVariables: context,
      },
    }, {})
  } catch (error) {
    verdict = `error: ${error.message}`
  }
  console.log(JSON.stringify(verdict))
}
