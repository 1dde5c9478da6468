// Training steps on a CPU: what torchnet/step.py computes, for a network of Linear layers and activations.
//
// Each thread takes its rows of the mini-batch through the whole step: gather, forward, loss, backward. Its numbers
// stay in the cache of its core. Then the gradients of the threads are added, in the order of the threads, and the
// weights are updated, each thread updating its share of them. So a step has two barriers, and its bits depend on the
// number of threads but not on their speed.
//
// Weights are kept transposed, (I, O): rows of x multiply them without a rearrangement, and the weight gradient xᵀ G
// comes out in the same layout. With bfloat16, factors are packed as pairs along the dimension of summation.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <thread>
#include <vector>

#include "activations.h"
#include "barrier.h"
#include "operands.h"
#include "products.h"

extern "C" {
struct Layer {
    int64_t inputs, outputs;
    float *weight, *bias;                    // (O, I), (O,) or null
    float *weight_velocity, *bias_velocity;  // null without momentum
    float *weight_grad, *bias_grad;          // of the last step
    int64_t activation;                      // in the order of ACTIVATION_NAMES
    float parameter;
};

struct Job {
    Layer* layers;
    int64_t depth, threads, bfloat16;
    const uint8_t* images;   // (n, I)
    const int64_t* classes;  // (n,), or null
    const float* rows;       // (n, C), or null
    const int64_t* order;    // (steps, N)
    const float* options;    // (steps, 2): learning rate and momentum
    int64_t steps, batch;
    float divisor;
    int64_t squared_error;  // the loss: mean squared error, else softmax cross-entropy
    float dampening, weight_decay;
    int64_t nesterov, has_velocity;
    float* losses;  // (steps,)
};
}

constexpr int64_t AHEAD = 8;  // samples: their pixels are fetched into the cache meanwhile

// What one thread needs for its rows of a mini-batch.
template <class Word>
struct Rows {
    std::vector<Operand<Word>> y, grad;          // y[l] is the input of layer l; grad[l] is that of its output, (N, O)
    std::vector<Matrix<float>> z;                // the output of layer l, before its activation
    std::vector<Matrix<float>> weight_grad;      // (I, O)
    std::vector<std::vector<double>> bias_grad;  // sums of many numbers of one kind lose digits in float
    double loss = 0;
};

template <class Word>
class Steps {
  public:
    explicit Steps(const Job& job) : job(job), barrier(job.threads), threads(job.threads) {
        for (int64_t l = 0; l < job.depth; l++) {
            const auto [inputs, outputs] = sizes(l);
            weight_t.emplace_back(inputs, outputs);
            weight.emplace_back(l > 0 ? outputs : 0, inputs);
            velocity_t.emplace_back(job.layers[l].weight_velocity ? inputs : 0, outputs);
        }
        for (Rows<Word>& its : threads) allocate(its);
    }

    // Throws std::system_error if there are no more threads; then nothing has changed.
    void run() {
        std::vector<std::thread> others;
        try {
            for (int64_t t = 1; t < job.threads; t++) others.emplace_back([this, t] { run_when_complete(t); });
        } catch (...) {
            team = Team::cancelled;
            for (std::thread& other : others) other.join();
            throw;
        }
        team = Team::complete;
        run_thread(0);
        for (std::thread& other : others) other.join();
    }

  private:
    enum class Team { forming, complete, cancelled };

    void run_when_complete(int64_t t) {
        while (team == Team::forming) std::this_thread::yield();
        if (team == Team::complete) run_thread(t);
    }

    void run_thread(int64_t t) {
        const int64_t first = t * job.batch / job.threads, rows = (t + 1) * job.batch / job.threads - first;
        copy_weights(t, true);
        barrier.wait();
        for (int64_t k = 0; k < job.steps; k++) {
            const int64_t* samples = job.order + k * job.batch + first;
            gather(threads[t], samples, rows);
            forward(threads[t], rows);
            loss(threads[t], samples, rows);
            backward(threads[t], rows);
            barrier.wait();
            update(t, k);
            barrier.wait();
        }
        copy_weights(t, false);
    }

    // Copy this thread's share of the weights into this object, or back.
    void copy_weights(int64_t t, bool in) {
        for (int64_t l = 0; l < job.depth; l++) {
            const Layer& layer = job.layers[l];
            const auto [first, last] = share(l, t);
            copy_transposed(layer.weight, weight_t[l].numbers, l, first, last, in);
            if (layer.weight_velocity) copy_transposed(layer.weight_velocity, velocity_t[l], l, first, last, in);
            if (in)
                pack_weight(l, first, last);
            else
                copy_transposed(layer.weight_grad, threads[0].weight_grad[l], l, first, last, false);
        }
    }

    // Copy columns of W (O, I) to rows of Wᵀ, or back, in blocks that fit into the cache.
    void copy_transposed(float* numbers, Matrix<float>& rows, int64_t l, int64_t first, int64_t last, bool in) const {
        const auto [inputs, outputs] = sizes(l);
        for (int64_t block = first; block < last; block += LANES)
            for (int64_t o = 0; o < outputs; o++)
                for (int64_t i = block; i < std::min(block + LANES, last); i++)
                    if (in)
                        rows.row(i)[o] = numbers[o * inputs + i];
                    else
                        numbers[o * inputs + i] = rows.row(i)[o];
    }

    // The rows of Wᵀ that a thread updates: whole blocks of LANES.
    std::pair<int64_t, int64_t> share(int64_t l, int64_t t) const {
        const int64_t inputs = job.layers[l].inputs, blocks = (inputs + LANES - 1) / LANES;
        return {t * blocks / job.threads * LANES, std::min((t + 1) * blocks / job.threads * LANES, inputs)};
    }

    // The pixels of the samples as numbers of 0..255, exact in float32 and bfloat16. The sums are scaled instead.
    void gather(Rows<Word>& its, const int64_t* samples, int64_t rows) {
        const int64_t inputs = job.layers[0].inputs;
        Operand<Word>& x = its.y[0];
        for (int64_t n = 0; n < rows; n += 2) {
            for (int64_t ahead = n + AHEAD; ahead < std::min(n + AHEAD + 2, rows); ahead++)
                for (int64_t i = 0; i < inputs; i += 64) __builtin_prefetch(job.images + samples[ahead] * inputs + i);
            const uint8_t* pixels[] = {job.images + samples[n] * inputs,
                                       n + 1 < rows ? job.images + samples[n + 1] * inputs : nullptr};
            for (int64_t m = n; m < std::min(n + 2, rows); m++) {
                if constexpr (std::is_same_v<Word, float>)
                    std::copy_n(pixels[m - n], inputs, x.numbers.row(m));
                else
                    to_pairs(pixels[m - n], inputs, x.along.row(m));
            }
            if constexpr (std::is_same_v<Word, Pair>) to_pairs(pixels[0], pixels[1], inputs, x.across.row(n / 2));
        }
    }

    // z = x Wᵀ + b, y = f(z), layer after layer.
    void forward(Rows<Word>& its, int64_t rows) {
        for (int64_t l = 0; l < job.depth; l++) {
            const auto [inputs, outputs] = sizes(l);
            multiply(rows, outputs, words<Word>(inputs), rows_of(its.y[l].by_rows()), weight_t[l].by_columns(),
                     its.z[l]);
            const float* bias = job.layers[l].bias;
            for (int64_t n = 0; n < rows; n++)
                for (int64_t o = 0; o < outputs; o++)
                    its.z[l].row(n)[o] = its.z[l].row(n)[o] / input_divisor(l) + (bias ? bias[o] : 0);
            if (l + 1 == job.depth) break;
            Operand<Word>& y = its.y[l + 1];
            KINDS[job.layers[l].activation].activate(its.z[l], y.numbers, rows, outputs, job.layers[l].parameter);
            y.pack_along(rows, outputs);
            y.pack_across(0, rows, outputs);
        }
    }

    // The loss of these rows, and its gradient with respect to the logits: torchnet/losses/.
    void loss(Rows<Word>& its, const int64_t* samples, int64_t rows) {
        const int64_t last = job.depth - 1, classes = job.layers[last].outputs;
        std::vector<float> one_hot(classes);
        its.loss = 0;
        for (int64_t n = 0; n < rows; n++) {
            const float* target = job.rows ? job.rows + samples[n] * classes : one_hot.data();
            if (job.classes) one_hot[job.classes[samples[n]]] = 1;
            const float* z = its.z[last].row(n);
            float* grad = its.grad[last].numbers.row(n);
            its.loss +=
                job.squared_error ? squared_error(z, target, grad, classes) : cross_entropy(z, target, grad, classes);
            if (job.classes) one_hot[job.classes[samples[n]]] = 0;
        }
    }

    // L = -1/n Σ t log p with p = softmax(z);  ∂L/∂z = (p Σ t - t) / n.
    double cross_entropy(const float* z, const float* target, float* grad, int64_t classes) const {
        float highest = z[0], sum = 0, targets = 0;
        for (int64_t c = 0; c < classes; c++) highest = z[c] > highest || z[c] != z[c] ? z[c] : highest;
        for (int64_t c = 0; c < classes; c++) grad[c] = exponential(z[c] - highest);
        for (int64_t c = 0; c < classes; c++) sum += grad[c], targets += target[c];
        const float log_sum = std::log(sum);
        double loss = 0;
        for (int64_t c = 0; c < classes; c++) {
            if (target[c] != 0) loss -= target[c] * (z[c] - highest - log_sum);
            grad[c] = (grad[c] / sum * targets - target[c]) / job.divisor;
        }
        return loss / job.divisor;
    }

    // L = 1/(n C) Σ (z - t)²;  ∂L/∂z = 2 (z - t) / (n C).
    double squared_error(const float* z, const float* target, float* grad, int64_t classes) const {
        double loss = 0;
        for (int64_t c = 0; c < classes; c++) {
            const float difference = z[c] - target[c];
            loss += difference * difference;
            grad[c] = difference * (2 / (job.divisor * classes));
        }
        return loss / (job.divisor * classes);
    }

    // With G = ∂L/∂z of a layer: ∂L/∂Wᵀ = xᵀ G, ∂L/∂b = Σₙ Gₙ, and for the layer below (G W) ⊙ f'(z).
    void backward(Rows<Word>& its, int64_t rows) {
        for (int64_t l = job.depth - 1; l >= 0; l--) {
            const auto [inputs, outputs] = sizes(l);
            Operand<Word>& grad = its.grad[l];
            grad.pack_across(0, rows, outputs);
            multiply(inputs, outputs, words<Word>(rows), transposed(its.y[l].by_columns()), grad.by_columns(),
                     its.weight_grad[l]);
            std::fill(its.bias_grad[l].begin(), its.bias_grad[l].end(), 0.0);
            for (int64_t n = 0; n < rows; n++)
                for (int64_t o = 0; o < outputs; o++) its.bias_grad[l][o] += grad.numbers.row(n)[o];
            if (l == 0) break;
            grad.pack_along(rows, outputs);
            multiply(rows, inputs, words<Word>(outputs), rows_of(grad.by_rows()), weight[l].by_columns(),
                     its.grad[l - 1].numbers);
            KINDS[job.layers[l - 1].activation].times_slope(its.grad[l - 1].numbers, its.z[l - 1], its.y[l].numbers,
                                                            rows, inputs, job.layers[l - 1].parameter);
        }
    }

    // Add the gradients of all threads and update this thread's share of the weights: torchnet/optimizers.py.
    void update(int64_t t, int64_t k) {
        for (int64_t l = 0; l < job.depth; l++) {
            const int64_t outputs = job.layers[l].outputs;
            const auto [first, last] = share(l, t);
            for (int64_t i = first; i < last; i++) {
                float* grad = threads[0].weight_grad[l].row(i);
                for (int64_t other = 1; other < job.threads; other++) {
                    const float* more = threads[other].weight_grad[l].row(i);
                    for (int64_t o = 0; o < outputs; o++) grad[o] += more[o];
                }
                for (int64_t o = 0; o < outputs; o++) grad[o] /= input_divisor(l);
                sgd(k, grad, weight_t[l].numbers.row(i), job.layers[l].weight_velocity ? velocity_t[l].row(i) : nullptr,
                    outputs);
            }
            pack_weight(l, first, last);
            if (t == l % job.threads && job.layers[l].bias) {
                float* grad = job.layers[l].bias_grad;
                for (int64_t o = 0; o < outputs; o++) {
                    double sum = 0;
                    for (const Rows<Word>& its : threads) sum += its.bias_grad[l][o];
                    grad[o] = static_cast<float>(sum);
                }
                sgd(k, grad, job.layers[l].bias, job.layers[l].bias_velocity, outputs);
            }
        }
        if (t == 0) {
            double sum = 0;
            for (const Rows<Word>& its : threads) sum += its.loss;
            job.losses[k] = static_cast<float>(sum);
        }
    }

    // g ← g + λ w;  v ← μ v + (1 - τ) g, at the first step g;  w ← w - η (v, or g + μ v with Nesterov).
    void sgd(int64_t k, const float* grad, float* weight, float* velocity, int64_t count) const {
        const float lr = job.options[2 * k], momentum = job.options[2 * k + 1], decay = job.weight_decay;
        const bool is_first = !job.has_velocity && k == 0;
        for (int64_t j = 0; j < count; j++) {  // 0 times infinity is NaN: what is not asked for must not be added
            const float g = decay != 0 ? grad[j] + decay * weight[j] : grad[j];
            if (!velocity) {
                weight[j] -= lr * g;
                continue;
            }
            velocity[j] = is_first ? g : momentum * velocity[j] + (1 - job.dampening) * g;
            weight[j] -= lr * (job.nesterov ? g + momentum * velocity[j] : velocity[j]);
        }
    }

    // Bring what products read of these rows of Wᵀ up to date: its pairs, and W itself for the gradient of the input.
    void pack_weight(int64_t l, int64_t first, int64_t last) {
        const int64_t outputs = job.layers[l].outputs;
        weight_t[l].pack_across(first, last, outputs);
        if (l == 0) return;
        for (int64_t block = first; block < last; block += LANES)
            for (int64_t o = 0; o < outputs; o++)
                for (int64_t i = block; i < std::min(block + LANES, last); i++) {
                    const float number = weight_t[l].numbers.row(i)[o];
                    if constexpr (std::is_same_v<Word, float>)
                        weight[l].numbers.row(o)[i] = number;
                    else if (o % 2)
                        weight[l].across.row(o / 2)[i].second = to_bfloat16(number);
                    else
                        weight[l].across.row(o / 2)[i].first = to_bfloat16(number);
                }
    }

    void allocate(Rows<Word>& its) const {
        const int64_t rows = (job.batch + job.threads - 1) / job.threads;
        for (int64_t l = 0; l < job.depth; l++) {
            const auto [inputs, outputs] = sizes(l);
            its.y.emplace_back(rows, inputs);
            its.grad.emplace_back(rows, outputs);
            its.z.emplace_back(rows, outputs);
            its.weight_grad.emplace_back(inputs, outputs);
            its.bias_grad.emplace_back(outputs);
        }
    }

    std::pair<int64_t, int64_t> sizes(int64_t l) const { return {job.layers[l].inputs, job.layers[l].outputs}; }

    // Pixels are scaled to 0..1; the outputs of other layers are not scaled. A product with 1/255, which is rounded,
    // would make every number wrong in the same direction.
    static float input_divisor(int64_t l) { return l == 0 ? 255 : 1; }

    const Job& job;
    Barrier barrier;
    std::atomic<Team> team{Team::forming};
    std::vector<Operand<Word>> weight_t, weight;  // (I, O) and (O, I)
    std::vector<Matrix<float>> velocity_t;
    std::vector<Rows<Word>> threads;
};

// Returns 0, or 1 if there is not enough memory or there are not enough threads; then nothing has changed.
extern "C" int run_steps(const Job* job) {
    try {
#if defined(__AVX512BF16__)
        if (job->bfloat16) {
            Steps<Pair>(*job).run();
            return 0;
        }
#endif
        Steps<float>(*job).run();
        return 0;
    } catch (const std::exception&) {
        return 1;
    }
}

extern "C" int rounds_to_bfloat16() {
#if defined(__AVX512BF16__)
    return 1;
#else
    return 0;
#endif
}
