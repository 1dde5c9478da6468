// A barrier for threads that wait for each other every few hundred microseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

// Threads wait for each other for microseconds, so they spin; on a busy machine they give way.
class Barrier {
  public:
    explicit Barrier(int64_t threads) : threads(threads) {}
    void wait() {
        const int64_t mine = turn.load();
        if (arrived.fetch_add(1) + 1 == threads) {
            arrived.store(0);
            turn.store(mine + 1);
        } else {
            for (int64_t spins = 0; turn.load() == mine; spins++)
                if (spins < 2000)
                    pause();
                else
                    std::this_thread::yield();
        }
    }

  private:
    static void pause() {  // leaves the core to the thread that shares it
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }

    const int64_t threads;
    std::atomic<int64_t> arrived{0}, turn{0};
};
