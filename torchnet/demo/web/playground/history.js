// What was measured over time, in bounded memory.

class History {
  constructor(limit = 512) {
    Object.assign(this, { limit, every: 1, offered: 0, records: [] });
  }

  /** Add a record. If there are too many, keep every second one, also from now on. */
  add(record) {
    const isKept = this.offered % this.every === 0;
    this.offered += 1;
    if (!isKept) return;
    this.records.push(record);
    if (this.records.length <= this.limit) return;
    this.every *= 2;
    this.records = this.records.filter((_, place) => place % 2 === 0);
  }
}
