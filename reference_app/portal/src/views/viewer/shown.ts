import type { Access, Kind } from '../../model/types'

/** What is on screen: the item it belongs to and the granted address. */
export interface Shown {
  item: number
  kind: Kind
  url: string
  access: Access
}

export const in_frame = (kind: Kind) => kind === 'page' || kind === 'markdown' || kind === 'text' || kind === 'pdf'
