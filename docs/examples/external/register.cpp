// A registration in C++17 without any library: own ray caster, correlation, a search along the six parameters.
// `register CASE_FOLDER` writes answer.json into the folder of a case.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

// ---- JSON, as much of it as case.json needs
struct Json {
  std::map<std::string, Json> fields;
  std::vector<Json> items;
  std::string text;
  double number = 0;
  bool null = false;
  const Json& operator[](const std::string& key) const {
    auto found = fields.find(key);
    if (found == fields.end()) throw std::runtime_error("case.json lacks " + key);
    return found->second;
  }
};
struct Parser {
  std::string s;
  size_t p = 0;
  char next() {
    while (p < s.size() && std::isspace(static_cast<unsigned char>(s[p]))) ++p;
    if (p >= s.size()) throw std::runtime_error("case.json is cut short");
    return s[p];
  }
  std::string string() {
    std::string found;
    for (++p; p < s.size() && s[p] != '"'; ++p) found += s[p] == '\\' ? s[++p] : s[p];
    ++p;
    return found;
  }
  Json value() {
    Json j;
    char c = next();
    if (c == '{' || c == '[') {
      char end = c == '{' ? '}' : ']';
      for (++p; next() != end;) {
        if (s[p] == ',') { ++p; continue; }
        if (c == '[') { j.items.push_back(value()); continue; }
        std::string key = string();
        next();
        ++p;  // the colon
        j.fields[key] = value();
      }
      ++p;
    } else if (c == '"') {
      j.text = string();
    } else if (c == 'n' || c == 't' || c == 'f') {
      j.null = c == 'n';
      while (p < s.size() && std::isalpha(static_cast<unsigned char>(s[p]))) ++p;
    } else {
      size_t used = 0;
      j.number = std::stod(s.substr(p, 40), &used);
      p += used;
    }
    return j;
  }
};

// ---- rigid transforms: 4x4, row by row
using Mat = std::array<double, 16>;
using Vec = std::array<double, 3>;
using Six = std::array<double, 6>;
Mat matrix(const Json& j) {
  Mat m{};
  for (int r = 0; r < 4; ++r) for (int c = 0; c < 4; ++c) m[4 * r + c] = j.items[r].items[c].number;
  return m;
}
Vec turn(const Mat& m, const Vec& x) {
  Vec y{};
  for (int r = 0; r < 3; ++r) for (int c = 0; c < 3; ++c) y[r] += m[4 * r + c] * x[c];
  return y;
}
Vec place(const Mat& m, const Vec& x) {
  Vec y = turn(m, x);
  for (int r = 0; r < 3; ++r) y[r] += m[4 * r + 3];
  return y;
}
Mat product(const Mat& a, const Mat& b) {
  Mat m{};
  for (int r = 0; r < 4; ++r) for (int c = 0; c < 4; ++c) for (int k = 0; k < 4; ++k) m[4 * r + c] += a[4 * r + k] * b[4 * k + c];
  return m;
}
Mat inverse(const Mat& m) {  // of any affine matrix
  Mat v{};
  auto at = [&](int r, int c) { return m[4 * (r % 3) + c % 3]; };
  double det = 0;
  for (int c = 0; c < 3; ++c) det += at(0, c) * (at(1, c + 1) * at(2, c + 2) - at(1, c + 2) * at(2, c + 1));
  for (int r = 0; r < 3; ++r) for (int c = 0; c < 3; ++c)
    v[4 * c + r] = (at(r + 1, c + 1) * at(r + 2, c + 2) - at(r + 1, c + 2) * at(r + 2, c + 1)) / det;
  Vec t = turn(v, {m[3], m[7], m[11]});
  for (int r = 0; r < 3; ++r) v[4 * r + 3] = -t[r];
  v[15] = 1;
  return v;
}
// The nominal pose, turned by theta[0..2] degrees (Rx Ry Rz) about the centre and shifted by theta[3..5] mm, in camera axes.
Mat moved(const Mat& nominal, const Vec& centre, const Six& theta) {
  const double d = std::acos(-1.0) / 180;
  double a = std::cos(theta[0] * d), b = std::sin(theta[0] * d), c = std::cos(theta[1] * d), e = std::sin(theta[1] * d),
         f = std::cos(theta[2] * d), g = std::sin(theta[2] * d);
  Mat turned = product({c * f, -c * g, e, 0, a * g + b * e * f, a * f - b * e * g, -b * c, 0, b * g - a * e * f,
                        b * f + a * e * g, a * c, 0, 0, 0, 0, 1}, nominal);
  Vec target = place(nominal, centre), from = turn(turned, centre);
  for (int r = 0; r < 3; ++r) turned[4 * r + 3] = target[r] + theta[3 + r] - from[r];
  return turned;
}

// ---- files: type and place of the raw numbers stand in case.json
template <class T> std::vector<T> numbers(const std::string& folder, const Json& file, size_t count) {
  std::vector<T> data(count);
  std::ifstream in(folder + "/" + file["path"].text, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(file["offset_bytes"].number));
  in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(count * sizeof(T)));
  if (!in) throw std::runtime_error("cannot read " + file["path"].text);
  return data;
}

struct Problem {
  std::vector<float> mu;  // i fastest
  std::array<int, 3> shape{};
  Mat index_from_world{}, camera_from_rig{};
  std::vector<double> image;  // means of blocks of pixels
  int rows = 0, columns = 0, factor = 1;
  double fx = 0, fy = 0, cx = 0, cy = 0, near = 0, far = 0;

  double sample(const Vec& x) const {  // trilinear; 0 outside
    std::array<int, 3> low{};
    Vec w{};
    for (int a = 0; a < 3; ++a) {
      low[a] = static_cast<int>(std::floor(x[a]));
      w[a] = x[a] - low[a];
      if (low[a] < 0 || low[a] + 1 >= shape[a]) return 0;
    }
    double sum = 0;
    for (int k = 0; k < 8; ++k) {
      int i = k & 1, j = k >> 1 & 1, l = k >> 2;
      size_t at = (static_cast<size_t>(low[2] + l) * shape[1] + low[1] + j) * shape[0] + low[0] + i;
      sum += (i ? w[0] : 1 - w[0]) * (j ? w[1] : 1 - w[1]) * (l ? w[2] : 1 - w[2]) * mu[at];
    }
    return sum;
  }
  double correlation(const Mat& rig_from_world) const {
    const int steps = 96;
    Mat index_from_camera = product(index_from_world, inverse(product(camera_from_rig, rig_from_world)));
    Vec source = place(index_from_camera, {0, 0, 0});
    double n = rows * columns, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (int r = 0; r < rows; ++r) for (int c = 0; c < columns; ++c) {
      double u = c * factor + (factor - 1) / 2.0, v = r * factor + (factor - 1) / 2.0, sum = 0;
      Vec ray{(u - cx) / fx, (v - cy) / fy, 1}, ahead = turn(index_from_camera, ray);
      for (int k = 0; k < steps; ++k) {
        double z = near + (far - near) * (k + 0.5) / steps;
        sum += sample({source[0] + z * ahead[0], source[1] + z * ahead[1], source[2] + z * ahead[2]});
      }
      sum *= std::sqrt(ray[0] * ray[0] + ray[1] * ray[1] + 1);
      double y = image[static_cast<size_t>(r) * columns + c];
      a += sum; b += y; aa += sum * sum; bb += y * y; ab += sum * y;
    }
    double spread = std::sqrt(std::max(0.0, (aa - a * a / n) * (bb - b * b / n)));
    return spread > 0 ? (ab - a * b / n) / spread : -1;
  }
};

int main(int count, char** words) try {
  if (count != 2) throw std::runtime_error("expected the folder of a case");
  const std::string folder = words[1];
  std::ifstream in(folder + "/case.json");
  const Json json = Parser{std::string(std::istreambuf_iterator<char>(in), {})}.value();
  const Json &volume = json["volume"], &view = json["views"].items.at(0);

  Problem p;
  size_t voxels = 1;
  for (int a = 0; a < 3; ++a) voxels *= p.shape[a] = static_cast<int>(volume["shape"].items[a].number);
  p.mu = numbers<float>(folder, volume["hu"], voxels);
  std::vector<uint8_t> mask(voxels, 1);
  if (!volume["mask"].null) mask = numbers<uint8_t>(folder, volume["mask"], voxels);
  const double water = volume["mu_water_per_mm"].number;
  for (size_t i = 0; i < voxels; ++i) p.mu[i] = mask[i] ? static_cast<float>(water * std::max(0.0, 1 + p.mu[i] / 1000.0)) : 0;

  const int height = static_cast<int>(view["height"].number), width = static_cast<int>(view["width"].number);
  const auto pixels = numbers<float>(folder, view["image"], static_cast<size_t>(height) * width);
  p.factor = std::max(1, width / 32), p.rows = height / p.factor, p.columns = width / p.factor;
  p.image.assign(static_cast<size_t>(p.rows) * p.columns, 0);
  for (int r = 0; r < p.rows * p.factor; ++r) for (int c = 0; c < p.columns * p.factor; ++c)
    p.image[static_cast<size_t>(r / p.factor) * p.columns + c / p.factor] += pixels[static_cast<size_t>(r) * width + c];
  const auto& K = view["K"].items;
  p.fx = K[0].items[0].number, p.fy = K[1].items[1].number, p.cx = K[0].items[2].number, p.cy = K[1].items[2].number;

  const Mat world_from_index = matrix(volume["world_from_index"]), nominal = matrix(json["nominal"]);
  p.index_from_world = inverse(world_from_index), p.camera_from_rig = matrix(view["camera_from_rig"]);
  Vec centre{}, diagonal = turn(world_from_index, {1.0 * p.shape[0], 1.0 * p.shape[1], 1.0 * p.shape[2]});
  for (int a = 0; a < 3; ++a) centre[a] = json["centre"].items[a].number;
  double depth = place(nominal, centre)[2];
  double half = 50 + std::sqrt(diagonal[0] * diagonal[0] + diagonal[1] * diagonal[1] + diagonal[2] * diagonal[2]) / 2;
  p.near = depth - half, p.far = depth + half;

  // From the start and from the nominal pose: steps along each parameter, halved where none improves.
  Six found{};
  double best = -2;
  for (bool from_start : {true, false}) {
    Six theta{}, range{}, step{};
    for (int k = 0; k < 6; ++k) {
      range[k] = json["search"].items[k].number, step[k] = range[k] / 3;
      if (from_start) theta[k] = std::clamp(json["theta_start"].items[k].number, -range[k], range[k]);
    }
    double score = p.correlation(moved(nominal, centre, theta));
    for (int round = 0; round < 40; ++round) {
      bool better = false;
      for (int k = 0; k < 6; ++k) for (double sign : {1.0, -1.0}) {
        Six tried = theta;
        tried[k] = std::clamp(tried[k] + sign * step[k], -range[k], range[k]);
        double now = p.correlation(moved(nominal, centre, tried));
        if (now > score) { score = now, theta = tried, better = true; break; }
      }
      if (!better) for (double& each : step) each /= 2;
    }
    if (score > best) best = score, found = theta;
  }

  const Mat pose = moved(nominal, centre, found);
  std::ofstream out(folder + "/answer.json");
  out << std::setprecision(17) << "{\"pose\": [";
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 4; ++c) out << (c ? ", " : r ? ", [" : "[") << pose[4 * r + c] << (c == 3 ? "]" : "");
  out << "]}\n";
  std::cout << "correlation " << best << "\n";
  return out ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
