import { tmpdir } from 'node:os'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { dockerAnswers } from '../../stack/docker.ts'
import { killAnywhere } from '../proof/kill.ts'
import { proofLength, tell } from '../proof/length.ts'
import { localProvider, proofTarget } from '../proof/target.ts'

const { seed, runs, durationMs } = proofLength({ seed: 20_261_122, runs: 6, durationMs: 8 * 60_000 })

test(
  'killed anywhere, in six rounds: what was accepted is carried through, nothing leaks, nothing ends unasked',
  async () => {
    const docker = await dockerAnswers({ host: undefined, tlsVerify: undefined, certPath: undefined })
    if (!docker.answers)
      console.warn(
        '!! NO DOCKER DAEMON ANSWERS: the rounds run on local processes, nothing is proven about containers.',
      )
    const directory = mkdtempSync(join(tmpdir(), 'carrel-kill-'))
    chmodSync(directory, 0o711)
    try {
      const outcome = await killAnywhere({
        seed,
        durationMs,
        rounds: runs,
        target: proofTarget({ provider: localProvider(docker.answers ? 'docker' : 'process'), directory }),
        temporalCli: inject('temporalCli'),
        workflowBundle: inject('workflowBundle'),
        signal: new AbortController().signal,
        say: (line) => console.log(line),
      })
      tell(outcome)
      expect(outcome.breaches).toEqual([])
      expect(outcome.cases).toBe(runs)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
  12 * 60_000,
)
