// Versions of a network's parameters.
#include "nn/version.h"

#include <algorithm>

#include "engine/checks.h"

namespace fastgru {

template <class S>
NetworkParams<S>::NetworkParams(std::shared_ptr<const NetworkLayout> layout)
    : layout_(std::move(layout)), packed_(Chain<S>(layout_->config()).make_packed()) {}

template <class S>
Status NetworkParams<S>::make(std::shared_ptr<const NetworkLayout> layout, const S* flat,
                              std::shared_ptr<const NetworkParams>& result) {
  const std::int64_t total = layout->total();
  auto fresh = std::make_shared<NetworkParams>(std::move(layout));
  if (!fresh->flat_.reserve(total)) return out_of_memory();
  std::copy_n(flat, total, fresh->flat_.data());
  FASTGRU_RETURN_IF_ERROR(assign_packed(fresh->packed_, flat));
  result = std::move(fresh);
  return {};
}

template class NetworkParams<float>;
template class NetworkParams<double>;

}  // namespace fastgru
