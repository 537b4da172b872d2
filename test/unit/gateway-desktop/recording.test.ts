import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SessionId } from '../../../domain/ids.ts'
import { expiredRecordings, keepPruned, pruneRecordings, recordingName } from '../../../gateway/desktop/recording.ts'

const day = 24 * 60 * 60 * 1_000
const now = Date.UTC(2026, 10, 22)
const of = { sessionId: 'ses1' as SessionId, door: 'desktop' }

describe('recordings', () => {
  test('their time is in their name, and over when it is over', () => {
    const names = [
      recordingName(of, 7, now - 7 * day),
      recordingName(of, 7, now - 7 * day + 1),
      recordingName(of, 0, now),
    ]
    expect(names[0]).toMatch(/^carrel-ses1-desktop-\d+-7d-[0-9a-f]{8}$/)
    expect(expiredRecordings(names, now)).toEqual([names[0], names[2]])
    expect(expiredRecordings([`${names[0]}.1`], now)).toEqual([`${names[0]}.1`])
    expect(expiredRecordings(['notes.txt', 'carrel-x', '../carrel-a-b-1-1d-00000000', ''], now)).toEqual([])
  })

  test('pruning removes those and nothing else, and needs no directory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'carrel-recordings-'))
    try {
      const [old, young] = [recordingName(of, 1, now - 2 * day), recordingName(of, 3, now - 2 * day)]
      for (const name of [old, young, 'other']) await writeFile(join(directory, name), '')
      expect(await pruneRecordings(directory, now)).toBe(1)
      expect((await readdir(directory)).sort()).toEqual([young, 'other'])
    } finally {
      await rm(directory, { recursive: true })
    }
    expect(await pruneRecordings(directory, now)).toBe(0)
  })

  test('they are pruned again and again, until that is stopped', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'carrel-recordings-'))
    const pruned: number[] = []
    const keeping = keepPruned(directory, { pruned: (count) => pruned.push(count), failed: () => undefined }, 10)
    try {
      for (const round of [1, 2]) {
        await writeFile(join(directory, recordingName(of, 1, now - 2 * day)), '')
        await expect.poll(() => pruned.length).toBe(round)
      }
    } finally {
      keeping.stop()
      await rm(directory, { recursive: true })
    }
  })
})
