import { Client, Connection } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { sql } from 'kysely'
import { expect } from 'vitest'
import type { Service, Site } from '../setup/site.ts'

/** Each place in which something may be left behind, and all that is to be read there. */
export type Sinks = Readonly<Record<string, string>>

/**
 * Looks into every place where an installation keeps or tells something, once all of these workflows are to be seen: each table,
 * what Temporal knows of every workflow, what the services printed, and `answers`, what the api said.
 */
export async function lookAround(
  site: Site,
  services: readonly Service[],
  workflows: readonly string[],
  answers: readonly unknown[],
): Promise<Sinks> {
  const tables = await tablesOf(site)
  return {
    ...tables,
    temporal: await temporalOf(site, workflows),
    logs: services.flatMap(({ lines }) => lines).join('\n'),
    answers: JSON.stringify(answers),
  }
}

/** Where a secret is to be seen, in whatever way it is written. */
export const placesOf = (secret: string, sinks: Sinks): string[] => {
  const written = waysToWrite(secret)
  return Object.keys(sinks).filter((place) => written.some((text) => sinks[place]?.includes(text) === true))
}

/** As it is, as bytes are shown, in base64 wherever it begins there, and in an address. */
function waysToWrite(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const encoded = [0, 1, 2].flatMap((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes])
    // What stands beside it shares the first and the last signs.
    const inside = [before === 0 ? 0 : before + 1, Math.floor((padded.length * 8) / 6)] as const
    return (['base64', 'base64url'] as const).map((encoding) => padded.toString(encoding).slice(...inside))
  })
  return [secret, bytes.toString('hex'), encodeURIComponent(secret), ...encoded]
}

/** Every row of every table, as text. */
async function tablesOf({ db }: Site): Promise<Sinks> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE'`.execute(db)
  const read = tables.map(async ({ name }) => {
    const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(name)} t`.execute(db)
    return [`table ${name}`, rows.map(({ text }) => text).join('\n')] as const
  })
  return Object.fromEntries(await Promise.all(read))
}

/** Everything that Temporal keeps of every workflow, as somebody without keys sees it. */
async function temporalOf(site: Site, wanted: readonly string[]): Promise<string> {
  const connection = await Connection.connect({ address: site.temporalAddress })
  try {
    const client = new Client({ connection, namespace: site.namespace })
    const runs = new Map<string, { readonly workflowId: string; readonly shown: string }>()
    // What is listed comes a little after what is so.
    await expect
      .poll(async () => {
        for await (const { workflowId, runId, raw } of client.workflow.list())
          runs.set(runId, { workflowId, shown: JSON.stringify(raw) })
        const listed = new Set([...runs.values()].map(({ workflowId }) => workflowId))
        return wanted.filter((id) => !listed.has(id))
      })
      .toEqual([])
    const seen = [...runs].map(async ([runId, { workflowId, shown }]) => {
      const json = historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory())
      return [shown, json, ...payloadsIn(json)].join('\n')
    })
    return (await Promise.all(seen)).join('\n')
  } finally {
    await connection.close()
  }
}

/** Base64 hides words: every payload once more, opened as far as base64 goes. */
const payloadsIn = (json: string): string[] =>
  [...json.matchAll(/"data": ?"([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
    Buffer.from(data ?? '', 'base64').toString('latin1'),
  )
