// What was measured over time, in bounded memory.

class History {
  constructor(limit = 512) {
    Object.assign(this, { limit, every: 1, records: [] });
  }

  /** Add the record of a step, { step, ... }. If there are too many, keep every second one, also from now on. */
  add(record) {
    if (record.step % this.every !== 0) return;
    this.records.push(record);
    if (this.records.length <= this.limit) return;
    this.every *= 2;
    this.records = this.records.filter(({ step }) => step % this.every === 0);
  }
}
