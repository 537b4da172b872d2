import { basename } from 'node:path'
import type { TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'

/** Of each project the files that take the longest, and wait most of it; the others fill what they leave. */
const longest = [
  'kill-anywhere',
  'outages',
  'stack',
  'docker-provider',
  'fault-matrix',
  'fault-matrix-kills',
  'worker-restart',
  'sweep-safety',
  'session',
  'reconcile',
  'upgrade',
  'process-restart',
  'process-provider',
  'bounded-states',
  'shutdown',
  'hanging-peers',
].map((name) => `${name}.test.ts`)

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = longest.indexOf(basename(moduleId))
  return place === -1 ? longest.length : place
}

/** Begins with what lasts longest, also where nothing was measured yet: on a fresh clone Vitest would go by the sizes of files. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files)
    return usual.toSorted((a, b) =>
      a.project.name === b.project.name ? placeOf(a) - placeOf(b) : usual.indexOf(a) - usual.indexOf(b),
    )
  }
}
