// Heads that scikit-learn and joblib wrote (tests/loaders/setfit/make.py), and what their predict_proba gave.
#include "loaders/setfit.hpp"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/torch_writer.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using test::expect_error;
using test::TempDirectory;

const fs::path kHeads = fs::path(BERTH_SOURCE_DIR) / "tests/loaders/setfit";

std::string content(const fs::path& path) { return base::read_file(path, 1U << 20); }

struct SetFit : testing::Test {
  TempDirectory files;

  void head(const std::string& name) { files.write("model_head.pkl", content(kHeads / name)); }
  SetFitHead read() const { return read_setfit_head(files.path()).value(); }
  void rejects(ErrorCode code, std::vector<std::string> fragments) const {
    expect_error(code, fragments, [&] { read(); });
  }
};

void rejected(const std::string& file, const char* fragment) {
  expect_error(ErrorCode::corrupt_file, {"m: ", fragment}, [&] { parse_setfit_head(file, "m"); });
}

std::vector<double> scores(const SetFitHead& head, const std::vector<double>& row) {
  std::vector<double> result;
  double sum = 0;
  for (std::size_t label = 0; label < head.labels.size(); ++label) {
    double logit = static_cast<double>(head.bias[label]);
    for (std::size_t i = 0; i < head.features; ++i) logit += static_cast<double>(head.weight[label * head.features + i]) * row[i];
    result.push_back(head.multi_label ? 1 / (1 + std::exp(-logit)) : std::exp(logit));
    sum += result.back();
  }
  for (double& value : result) value /= head.multi_label ? 1 : sum;
  return result;
}

TEST_F(SetFit, HeadsGiveTheirScores) {
  const base::Json expected = base::parse_json(content(kHeads / "expected.json"), "expected.json");
  const std::vector<std::string> names = {"four.pkl",         "words.pkl",   "objects.pkl",         "two.pkl",         "double.pkl",
                                          "no_intercept.pkl", "fortran.pkl", "multinomial_two.pkl", "one_vs_rest.pkl", "multi_output.pkl"};
  for (const std::string& name : names) {
    head(name);
    const SetFitHead one = read();
    const base::Json& wanted = expected["heads"][name];
    EXPECT_EQ(one.features, 6U);
    EXPECT_FALSE(one.normalize);
    EXPECT_EQ(one.multi_label, name == "one_vs_rest.pkl" || name == "multi_output.pkl");
    if (!one.multi_label) {
      EXPECT_EQ(one.labels, wanted["classes"].get<std::vector<std::string>>()) << name;
    }
    for (std::size_t row = 0; row < 3; ++row) {
      const auto got = scores(one, expected["rows"][row].get<std::vector<double>>());
      ASSERT_EQ(got.size(), wanted["scores"][row].size()) << name;
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted["scores"][row][i].get<double>(), 1e-6) << name;
    }
  }
}

TEST_F(SetFit, ConfigNamesClasses) {
  head("four.pkl");
  files.write("config_setfit.json", R"({"labels":["a","b","c","d"],"normalize_embeddings":true})");
  EXPECT_EQ(read().labels, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_TRUE(read().normalize);
  files.write("config_setfit.json", R"({"labels":null,"normalize_embeddings":false})");
  EXPECT_EQ(read().labels, (std::vector<std::string>{"0", "1", "2", "3"}));
  files.write("config_setfit.json", R"({"labels":["a","b","c"]})");
  rejects(ErrorCode::corrupt_file, {"config_setfit.json", "\"labels\"", "class 3"});
  files.write("config_setfit.json", R"({"labels":["a",2]})");
  rejects(ErrorCode::corrupt_file, {"\"labels\"", "strings", "2"});
  head("words.pkl");
  files.write("config_setfit.json", R"({"labels":["a","b"]})");
  EXPECT_EQ(read().labels.front(), "delay") << "classes that are names stay";
  head("multi_output.pkl");
  rejects(ErrorCode::corrupt_file, {"\"labels\"", "expected 3"});
  files.write("config_setfit.json", R"({"labels":["a","b","c"]})");
  EXPECT_EQ(read().labels.back(), "c");
}

TEST_F(SetFit, WhatIsRefused) {
  EXPECT_FALSE(read_setfit_head(files.path()));
  head("svc.pkl");
  rejects(ErrorCode::unsupported, {"model_head.pkl", "\"LinearSVC\"", "LogisticRegression"});
  head("chain.pkl");
  rejects(ErrorCode::unsupported, {"\"ClassifierChain\""});
  head("ovr.pkl");
  rejects(ErrorCode::unsupported, {"against the rest"});
  head("newton.pkl");
  rejects(ErrorCode::unsupported, {"against the rest"});
  head("compressed.pkl");
  rejects(ErrorCode::unsupported, {"compressed", "joblib.dump"});
  files.write("model_head.pkl", "");
  rejects(ErrorCode::corrupt_file, {"not a pickle"});
  files.write("model_head.pkl", "version https://git-lfs.github.com/spec/v1\n");
  rejects(ErrorCode::corrupt_file, {"Git LFS"});
  files.write("model_head.pkl", "\x80\x02N.");
  rejects(ErrorCode::unsupported, {"no object of a class"});
  files.write("model_head.pkl",
              "\x80\x02"
              "csetfit.modeling\nSetFitHead\n)\x81.");
  rejects(ErrorCode::unsupported, {"\"setfit.modeling.SetFitHead\""});
  files.write("model_head.pkl",
              "\x80\x02"
              "csklearn.linear_model._logistic\nLogisticRegression\n)\x81.");
  rejects(ErrorCode::corrupt_file, {"\"classes_\"", "not trained"});
}

// Every cut and every changed byte is an error or a head; sanitizers watch.
TEST_F(SetFit, DamagedHeads) {
  for (const char* name : {"words.pkl", "objects.pkl", "one_vs_rest.pkl"}) {
    const std::string whole = content(kHeads / name);
    const auto survives = [](const std::string& file) {
      try {
        const SetFitHead one = parse_setfit_head(file, "model_head.pkl");
        EXPECT_EQ(one.weight.size(), one.labels.size() * one.features);
        EXPECT_EQ(one.bias.size(), one.labels.size());
      } catch (const base::Error&) {}
    };
    for (std::size_t i = 0; i < whole.size(); ++i) {
      survives(whole.substr(0, i));
      for (const int value : {0, 0x7f, 0xff, whole[i] ^ 1}) {
        std::string changed = whole;
        changed[i] = static_cast<char>(value);
        survives(changed);
      }
    }
  }
}

// The shape of an array is a list that grows once the array is read: [2, 100] where there are two numbers.
TEST_F(SetFit, AShapeThatGrows) {
  using test::pickled;
  const auto array = [](const std::string& type, const std::string& shape, const std::string& bytes) {
    return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" + pickled("dtype") + "cnumpy\ndtype\n(" + pickled(type) + "tR" + pickled("shape") + shape + "ub" +
           bytes;
  };
  const auto file = [&](const std::string& growth) {
    return "\x80\x04"
           "csklearn.linear_model\nLogisticRegression\n)\x81}(" +
           pickled("classes_") + array("i8", "K\x02\x85", std::string(16, '\0')) + pickled("coef_") +
           array("f8",
                 "](K\x01K\x02"
                 "eq\x05",
                 std::string(16, '\0')) +
           pickled("more") + growth + pickled("intercept_") + array("f8", "K\x01\x85", std::string(8, '\0')) + "ub.";
  };
  EXPECT_EQ(parse_setfit_head(file("N"), "m").features, 2U);
  expect_error(ErrorCode::corrupt_file, {"m: ", "\"coef_\" is no matrix"}, [&] {
    parse_setfit_head(file("h\x05K\x64"
                           "a"),
                      "m");
  });
}

// An array whose dtype is itself becomes one while it is read: what the dtype was is no longer there.
TEST_F(SetFit, AnArrayThatIsItsOwnType) {
  using test::pickled;
  const auto file = [](const std::string& type, const std::string& shape) {
    return "\x80\x02"
           "csklearn.linear_model\nLogisticRegression\n)R}(" +
           pickled("classes_") + "cjoblib.numpy_pickle\nNumpyArrayWrapper\n" + pickled(type) + "\x85Rq\x01}(" + pickled("dtype") + "h\x01" + pickled("shape") +
           shape + "ub";
  };
  rejected(file("f8", ")") + std::string(8, '\0') + "ub.", "\"classes_\"");
  rejected(file("i8", pickled("O") + "\x85") + "ub.", "\"classes_\"");
  rejected(file("O8", pickled("O") + "\x85") + "\x80\x02N." + "ub.", "\"coef_\"");
}

TEST_F(SetFit, ClassesThatAreNoText) {
  std::string whole = content(kHeads / "objects.pkl");
  const std::size_t at = whole.find("refund");
  ASSERT_NE(at, std::string::npos);
  whole[at] = '\xff';
  rejected(whole, "no text of Unicode");
}

}  // namespace
}  // namespace berth::loaders
