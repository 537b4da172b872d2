import type { Places } from './places.ts'
import type { ProcessSettings } from './settings.ts'
import type { Tools } from './tools.ts'

/** What one provider object works with. */
export interface Deps {
  readonly settings: ProcessSettings
  readonly places: Places
  readonly tools: Tools
}
