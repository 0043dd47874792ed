// What the page says, in two languages. What the service says is shown as it is.

/** Thirds of a picture, from the top and from the left. */
const PLACES = {
  en: {
    thirds: [
      ["top left", "top centre", "top right"],
      ["centre left", "in the centre", "centre right"],
      ["bottom left", "bottom centre", "bottom right"],
    ],
    mostly: (place) => `mostly ${place}`,
    all: "all over the picture",
    none: "nowhere in particular",
  },
  zh: {
    thirds: [["左上方", "上方", "右上方"], ["左侧", "中央", "右侧"], ["左下方", "下方", "右下方"]],
    mostly: (place) => `主要在${place}`,
    all: "遍布整张图片",
    none: "没有特定位置",
  },
};

const sentenceOf = (place, words) => words[place] ?? words.mostly(words.thirds[place[0]][place[1]]);

const TEXTS = {
  en: {
    title: "Image classifier",
    language: "Language",
    invitation: "Drop pictures here",
    choose: "Choose pictures",
    shoot: "Take a photo",
    hint: (formats) =>
      `Or paste one. ${formats.join(", ")}; other kinds are converted where this browser can show them.`,
    token: "API token",
    tokenHint: "This service answers only who sends its token. It is kept until this tab is closed.",
    tokenUse: "Use token",
    clear: "Clear",
    basic: "Everyday categories",
    retry: "Try again",
    api: "API description",
    waiting: "Waiting",
    scaling: "Preparing the picture",
    sending: "Classifying",
    busy: "The service is busy, trying again soon",
    none: "No label is likely enough.",
    point: "Point at a label to see where it lies in the picture.",
    where: (label, sentence) => `${label}: ${sentence}.`,
    places: (place) => sentenceOf(place, PLACES.en),
    little: "little evidence",
    much: "much",
    nothing: "There is no picture in what was dropped or pasted.",
    address: "Only the address of a picture was dropped. Copy the picture and paste it here, or save it and choose the file.",
    cleared: "All results are removed.",
    cached: "seen before",
    done: (done, all) => (all === 1 ? "" : `${done} of ${all} pictures done`),
    failed: (name) => `${name}: not classified.`,
    scaled: (from, to) => `Scaled down from ${from} to ${to} pixels in the browser.`,
    compressed: () => "Compressed in the browser: the file was larger than the service takes.",
    converted: (from, to) => `Converted from ${from} to JPEG in the browser, ${to} pixels.`,
    unshown: (kind, browsers) =>
      `This browser cannot show ${kind}, so it cannot convert it. A current version of one of these can: ${browsers}.`,
    guarded: () =>
      "This browser protects what a page draws, so the picture could not be made smaller or converted here. It was sent as it is.",
    model: (name, classes, megabytes, megapixels) =>
      `${name} · ${classes} classes · pictures up to ${megabytes} MB and ${megapixels} megapixels`,
    details: {
      network: "The service cannot be reached.",
      timeout: "The service did not answer within a minute.",
      unreadable: "This cannot be read. It may be a folder, or a file that has moved.",
      status: (status) => `The service answered with status ${status}.`,
    },
    advice: {
      network: "Check the connection, then try again.",
      timeout: "Try again, or send a smaller picture.",
      unreadable: "Choose the pictures themselves.",
      empty_body: "Choose a picture that is not empty.",
      unauthorized: "Enter the token of this service above.",
      body_too_large: "Save it smaller: 1000 pixels on the long side are plenty.",
      image_too_large: "Save it smaller: 1000 pixels on the long side are plenty.",
      unsupported_format: "Save it as JPEG or PNG in an image viewer and choose that.",
      undecodable_image: "Open it in an image viewer; if it shows there, save it again and choose that.",
      truncated_image: "Copy or download the picture again: its end is missing.",
      mangled_body: "Save the picture again and choose that. If others fail, too, tell whoever runs this service: bytes are lost on the way to it.",
      internal: "Try again. If it stays so, tell whoever runs this service.",
      overloaded: "Many pictures are being classified. Try again in a moment.",
      status_413: "Save it smaller: 1000 pixels on the long side are plenty.",
      other: "Try another picture. If it stays so, tell whoever runs this service.",
    },
  },
  zh: {
    title: "图像分类",
    language: "语言",
    invitation: "把图片拖到这里",
    choose: "选择图片",
    shoot: "拍照",
    hint: (formats) => `也可以直接粘贴。支持 ${formats.join("、")}；其他格式只要浏览器能显示，就会先转换。`,
    token: "API 令牌",
    tokenHint: "此服务需要令牌才会应答。令牌只保留到关闭本标签页为止。",
    tokenUse: "使用令牌",
    clear: "清空",
    basic: "日常类别",
    retry: "重试",
    api: "API 说明",
    waiting: "等待中",
    scaling: "正在处理图片",
    sending: "正在识别",
    busy: "服务繁忙，稍后自动重试",
    none: "没有足够可信的标签。",
    point: "指向一个标签，查看它在图片中的位置。",
    where: (label, sentence) => `${label}：${sentence}。`,
    places: (place) => sentenceOf(place, PLACES.zh),
    little: "依据少",
    much: "依据多",
    nothing: "拖入或粘贴的内容里没有图片。",
    address: "拖入的只是图片的地址。请复制图片后粘贴到这里，或先保存再选择文件。",
    cleared: "结果已全部清空。",
    cached: "识别过的图片",
    done: (done, all) => (all === 1 ? "" : `已完成 ${done} / ${all} 张`),
    failed: (name) => `${name}：未能识别。`,
    scaled: (from, to) => `已在浏览器中由 ${from} 缩小到 ${to} 像素。`,
    compressed: () => "已在浏览器中压缩：原文件超过了服务的上限。",
    converted: (from, to) => `已在浏览器中由 ${from} 转换为 JPEG，${to} 像素。`,
    unshown: (kind, browsers) => `此浏览器无法显示 ${kind}，因此无法转换。新版的 ${browsers} 可以。`,
    guarded: () => "此浏览器保护画布内容，无法在这里缩小或转换图片，已按原样发送。",
    model: (name, classes, megabytes, megapixels) =>
      `${name} · ${classes} 个类别 · 每张图片不超过 ${megabytes} MB、${megapixels} 百万像素`,
    details: {
      network: "无法连接到服务。",
      timeout: "服务在一分钟内没有应答。",
      unreadable: "无法读取。它可能是文件夹，或者文件已被移动。",
      status: (status) => `服务返回了状态码 ${status}。`,
    },
    advice: {
      network: "请检查网络连接，然后重试。",
      timeout: "请重试，或换一张小一些的图片。",
      unreadable: "请直接选择图片文件。",
      empty_body: "请选择一张非空的图片。",
      unauthorized: "请在上方输入此服务的令牌。",
      body_too_large: "请把图片缩小后再试，长边 1000 像素就足够了。",
      image_too_large: "请把图片缩小后再试，长边 1000 像素就足够了。",
      unsupported_format: "请在看图软件里另存为 JPEG 或 PNG，再选择它。",
      undecodable_image: "请在看图软件里打开它；如果能显示，请另存后再选择。",
      truncated_image: "图片结尾缺失，请重新复制或下载。",
      mangled_body: "请另存图片后再选择。如果其他图片也失败，请告诉服务的管理者：数据在传输中丢失了字节。",
      internal: "请重试。如果一直这样，请告诉服务的管理者。",
      overloaded: "正在识别的图片太多，请稍后重试。",
      status_413: "请把图片缩小后再试，长边 1000 像素就足够了。",
      other: "请换一张图片再试。如果一直这样，请告诉服务的管理者。",
    },
  },
};

/** The language that was chosen last, else the first of the browser's that the page has, else English. */
export function firstLanguage() {
  const wanted = [remembered(), ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  return wanted.find((tag) => tag in TEXTS) ?? "en";
}

/** The texts of the language. */
export const textsOf = (language) => TEXTS[language];

/** Keeps the language that was chosen for the next visit. */
export function remember(language) {
  try {
    localStorage.setItem("language", language);
  } catch {
    // Storage may be forbidden; then the choice is not remembered.
  }
}

function remembered() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null;
  }
}
