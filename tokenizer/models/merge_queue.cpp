#include "tokenizer/models/merge_queue.hpp"

#include <algorithm>
#include <functional>

namespace berth::tokenizer {
namespace {

void push_heap(std::vector<std::uint32_t>& heap, std::uint32_t value) {
  heap.push_back(value);
  std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

void pop_heap(std::vector<std::uint32_t>& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater<>());
  heap.pop_back();
}

}  // namespace

void MergeQueue::reset(std::size_t ranks) {
  for (std::size_t i = 0; i < used_; ++i) {
    bucket_of_[buckets_[i].rank] = 0;
    buckets_[i].run.clear();
    buckets_[i].late.clear();
    buckets_[i].head = 0;
  }
  used_ = 0;
  ranks_.clear();
  if (bucket_of_.size() < ranks) bucket_of_.resize(ranks, 0);
}

void MergeQueue::push(Entry entry) {
  std::uint32_t& index = bucket_of_[entry.rank];
  if (index == 0) {
    if (used_ == buckets_.size()) buckets_.emplace_back();
    buckets_[used_].rank = entry.rank;
    buckets_[used_].head = 0;
    index = static_cast<std::uint32_t>(++used_);
  }
  Bucket& bucket = buckets_[index - 1];
  if (bucket.empty()) {
    bucket.run.clear();
    bucket.head = 0;
    push_heap(ranks_, entry.rank);
  }
  if (bucket.run.empty() || entry.place >= bucket.run.back()) {
    bucket.run.push_back(entry.place);
  } else {
    push_heap(bucket.late, entry.place);
  }
}

bool MergeQueue::pop(Entry& entry) {
  if (ranks_.empty()) return false;
  Bucket& bucket = buckets_[bucket_of_[ranks_.front()] - 1];
  entry.rank = bucket.rank;
  const bool from_run = bucket.head < bucket.run.size() && (bucket.late.empty() || bucket.run[bucket.head] <= bucket.late.front());
  if (from_run) {
    entry.place = bucket.run[bucket.head++];
  } else {
    entry.place = bucket.late.front();
    pop_heap(bucket.late);
  }
  if (bucket.empty()) pop_heap(ranks_);
  return true;
}

std::size_t MergeQueue::bytes() const {
  std::size_t bytes = (bucket_of_.capacity() + ranks_.capacity()) * sizeof(std::uint32_t) + buckets_.capacity() * sizeof(Bucket);
  for (const Bucket& bucket : buckets_) bytes += (bucket.run.capacity() + bucket.late.capacity()) * sizeof(std::uint32_t);
  return bytes;
}

}  // namespace berth::tokenizer
