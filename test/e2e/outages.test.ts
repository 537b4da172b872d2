import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { dockerAnswers } from '../../stack/docker.ts'
import { proofLength, tell } from '../proof/length.ts'
import { throughOutages } from '../proof/outages.ts'
import { localProvider, proofTarget } from '../proof/target.ts'

const { seed, runs, durationMs } = proofLength({ seed: 20_261_122, runs: 1, durationMs: 4 * 60_000 })

test('Postgres, Temporal and Docker go away one after the other, while sessions start and stop: nothing is lost', async () => {
  const docker = await dockerAnswers({ host: undefined, tlsVerify: undefined, certPath: undefined })
  if (!docker.answers)
    console.warn('!! NO DOCKER DAEMON ANSWERS: the sessions are local processes, the outage of a backend is left out.')
  const directory = mkdtempSync(join(tmpdir(), 'carrel-outages-'))
  try {
    const outcome = await throughOutages(
      {
        seed,
        durationMs,
        rounds: runs,
        target: proofTarget({ provider: localProvider(docker.answers ? 'docker' : 'process'), directory }),
        temporalCli: inject('temporalCli'),
        workflowBundle: inject('workflowBundle'),
        signal: new AbortController().signal,
        say: (line) => console.log(line),
      },
      { outageMs: 4_000, sessions: 6 },
    )
    tell(outcome)
    expect(outcome.breaches).toEqual([])
    expect(outcome.cases).toBe(docker.answers ? 3 : 2)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
