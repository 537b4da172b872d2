import { obtainGuacd } from './obtain.ts'

// For machines that are prepared before their tests run: `node test/support/guacd/fetch.ts`.
console.log(await obtainGuacd())
