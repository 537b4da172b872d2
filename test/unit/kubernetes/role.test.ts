import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { needed } from '../../../ports/compute/kubernetes/check.ts'

const roleShape = z.object({
  kind: z.literal('Role'),
  rules: z.array(
    z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
  ),
})

test('the Role that is shipped grants what the driver does, and not a verb more', () => {
  const text = readFileSync(new URL('../../../deploy/kubernetes/role.yaml', import.meta.url), 'utf8')
  const all = parseAllDocuments(text).map((document): unknown => document.toJS())
  expect(all.filter((one) => JSON.stringify(one).includes('ClusterRole'))).toEqual([])
  const { rules } = z
    .array(z.unknown())
    .parse(all)
    .map((one) => roleShape.safeParse(one))
    .find(({ success }) => success)?.data ?? { rules: [] }
  const granted = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`))),
  )
  const done = needed.flatMap(({ group, resource, verbs }) => verbs.map((verb) => `${group}/${resource} ${verb}`))
  expect(granted.sort()).toEqual(done.sort())
})
