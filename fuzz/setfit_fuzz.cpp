// Any bytes as a head of SetFit's: an error, or as many weights as its labels and features ask for. Its pickles have arrays in them, unlike a checkpoint's.
#include "fuzz/fuzz.hpp"
#include "loaders/setfit.hpp"
#include "tests/support/torch_writer.hpp"

namespace {

using namespace berth;

std::string array(const std::string& type, const std::string& shape, const std::string& bytes) {
  return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" + test::pickled("dtype") + "cnumpy\ndtype\n(" + test::pickled(type) + "\x89\x88tR(K\x03" +
         test::pickled("<") + "tb" + test::pickled("shape") + shape + test::pickled("order") + test::pickled("C") + "ub" + bytes;
}

std::string logistic(const std::string& classes) {
  return "csklearn.linear_model._logistic\nLogisticRegression\n)\x81}(" + test::pickled("classes_") + classes + test::pickled("coef_") +
         array("f8", "K\x01K\x02\x86", std::string(16, '\1')) + test::pickled("intercept_") + array("f4", "K\x01\x85", std::string(4, '\1')) + "ub";
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  const std::string numbers = array("i8", "K\x02\x85", std::string(16, '\0')), words = array("U1", "K\x02\x85", std::string("a\0\0\0b\0\0\0", 8));
  return {"\x80\x04" + logistic(numbers) + ".", "\x80\x04" + logistic(words) + ".",
          "\x80\x04"
          "csklearn.multioutput\nMultiOutputClassifier\n)\x81}" +
              test::pickled("estimators_") + "](" + logistic(numbers) + logistic(numbers) + "esb."};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::only_errors([&] {
    const loaders::SetFitHead head = loaders::parse_setfit_head({reinterpret_cast<const char*>(data), size}, "model_head.pkl");
    fuzz::require(head.weight.size() == head.labels.size() * head.features && head.bias.size() == head.labels.size(), "weights of another shape");
  });
  return 0;
}
