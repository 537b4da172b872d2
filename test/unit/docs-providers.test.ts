import { expect, test } from 'vitest'
import { refusalCodes } from '../../domain/errors.ts'
import { reasonSentences } from '../../domain/lifecycle.ts'
import { providerKinds } from '../../domain/provider-kinds.ts'
import { sectionOf, textOf } from '../rules/documents.ts'
import { sourceFiles } from '../rules/imports.ts'

const providers = textOf('docs/providers.md')

test('docs/providers.md says what users read of each refusal, in their words', () => {
  const told = [...providers.matchAll(/^\| `(\w+)` \| ([A-Z].*\.) \|$/gm)].map(([, code, sentence]) => [code, sentence])
  expect(told).toEqual(refusalCodes.map((code) => [code, reasonSentences[code]]))
})

/** What is said of a kind: its section, and its page where it has one. */
function describedOf(kind: string): string {
  const page = providers.includes(`(providers/${kind}.md)`) ? textOf(`docs/providers/${kind}.md`) : ''
  return `${sectionOf(providers, `## \`${kind}\``)}${page}`
}

// The fake refuses what a test tells it to.
test.each(providerKinds.filter((kind) => kind !== 'fake'))(
  'every refusal that the driver %s gives has its row where it is described, and so has what it does not know',
  (kind) => {
    const source = sourceFiles(`ports/compute/${kind}`).map(textOf).join('\n')
    const given = refusalCodes.filter((code) => source.includes(`'${code}'`))
    const described = describedOf(kind)
    expect(given.length).toBeGreaterThan(0)
    expect(given.filter((code) => !new RegExp(`^\\|.*\`${code}\`.*\\|$`, 'm').test(described))).toEqual([])
    // A driver whose backend has words of its own counts those that it does not know.
    if (source.includes('unnamed')) expect(described).toMatch(/^\|.*`unknown`.*\|$/m)
  },
)
