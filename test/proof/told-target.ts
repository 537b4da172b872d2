import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { proofTarget } from './target.ts'
import type { ProofTarget, TargetChoice } from './target.ts'

/** Names a file that says where the sessions of a proof that is written as tests are to run. */
const variable = 'CARREL_PROVE_TARGET'

/** Writes down where sessions are to run, for nobody else to read. Returns the variable that tells it to tests. */
export async function tellTarget(file: string, { choice }: ProofTarget): Promise<Readonly<Record<string, string>>> {
  await writeFile(file, JSON.stringify(choice), { mode: 0o600 })
  return { [variable]: file }
}

/** Where the operator wants sessions to run; `null` in `npm test`, and for what does not concern a provider. */
export function toldTarget(): ProofTarget | null {
  const file = process.env[variable]
  // Our own `tellTarget` wrote it.
  return file === undefined ? null : proofTarget(JSON.parse(readFileSync(file, 'utf8')) as TargetChoice)
}
