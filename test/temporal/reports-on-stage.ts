import { createServer } from '../../api/server.ts'
import { apiOn } from './api-on-stage.ts'
import type { Books } from './api-on-stage.ts'

/** Where what runs on a stage reports its ports. */
export interface HeardReports {
  readonly url: string
  close(): Promise<void>
}

/** The api of a stage on a port of its own. `here`: how instances reach this machine, where they are not on it. */
export async function hearReports(stage: Books, here: string | null): Promise<HeardReports> {
  const { app, streams } = apiOn(stage).app
  const server = createServer({ app, streams, host: here === null ? '127.0.0.1' : '0.0.0.0', port: 0 })
  const { port } = await server.listen()
  return { url: `http://${here ?? '127.0.0.1'}:${port}/v1/instance-reports`, close: () => server.close() }
}
